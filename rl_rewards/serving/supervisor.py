"""Keeps the worker processes of a server running."""

from __future__ import annotations

import os
from pathlib import Path

from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

__all__ = ["NUMBERS", "Supervisor", "say_loaded"]

NUMBERS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable with the directory that the processes of a server share."""
_STARTS = 3  # processes that end before they can answer, one after the other and killed by nobody, until the server gives up


def say_loaded() -> None:
    """Leave word that this process has loaded what it serves, for the process that started it."""
    (Path(os.environ[NUMBERS]) / f"loaded_{os.getpid()}").touch()


def has_loaded(process: int | None) -> bool:
    """Whether a process has loaded what it serves, also where it has ended since."""
    return (Path(os.environ[NUMBERS]) / f"loaded_{process}").exists()


class Supervisor(Multiprocess):
    """Starts worker processes and replaces those that end, whatever their exit status: uvicorn's own stops the server where one ends with 3,
    which a reward may do, too.

    Attributes:
        gave_up: whether the processes end before they can answer.
    """

    gave_up = False
    _failed_starts = 0

    def keep_subprocess_alive(self) -> None:
        """Replace the processes that have ended, or hang."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.is_alive(self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            self._failed_starts = 0 if has_loaded(process.pid) or (process.exitcode or 0) < 0 else self._failed_starts + 1
            if self._failed_starts >= _STARTS:
                self.gave_up = True
                self.should_exit.set()
                return
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()
