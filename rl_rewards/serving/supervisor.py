"""Keeps the worker processes of a server running."""

from __future__ import annotations

from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

__all__ = ["Supervisor"]

_STARTS = 3  # processes that end before they can answer, one after the other, until the server gives up


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
                if process not in self._ready and process.is_ready(self.config.timeout_worker_healthcheck):
                    self._ready.add(process)
                    self._failed_starts = 0
                continue
            process.kill()
            process.join()
            if process not in self._ready:
                self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                self.gave_up = True
                self.should_exit.set()
                return
            self._ready.discard(process)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def init_processes(self) -> None:
        self._ready: set[Process] = set()
        super().init_processes()
