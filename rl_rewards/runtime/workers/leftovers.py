"""Processes that a server which was killed could not end: they are recognised by a variable of their environment."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


def kill_processes_with(variable: str, value: str) -> None:
    """Kill every process of this user that was started with that environment variable, until there is none. On Linux; elsewhere none is found."""
    for _ in range(10):  # a process that forks faster than that is found dead in the next round, or never
        found = list(_processes_with(f"{variable}={value}".encode()))
        if not found:
            return
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)


def _processes_with(entry: bytes) -> Iterator[int]:
    if sys.platform != "linux":
        return
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as environment:
            if entry in environment.read().split(b"\0"):
                yield int(name)
