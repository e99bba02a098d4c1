from __future__ import annotations

import threading
from collections.abc import Callable

import pytest


@pytest.fixture
def gone() -> Callable[[int], None]:
    """Wait until there is no such process (or only its zombie, which an init reaps or does not)."""

    def wait(pid: int) -> None:
        for _ in range(30_000):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    if stat.read().rpartition(")")[2].split()[0] == "Z":
                        return
            except (FileNotFoundError, ProcessLookupError):
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"process {pid} is still there")

    return wait
