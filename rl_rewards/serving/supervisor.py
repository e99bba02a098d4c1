"""Keeps the worker processes of a server running: replaces those that end or hang, and all of them, one by one, at SIGHUP.

Uvicorn's own supervisor asks one worker after the other for a sign of life and waits up to a minute for it. A worker that is killed between the
question and its answer is replaced a minute later, and so is every other that dies meanwhile; not even SIGTERM is looked at. Here workers report by
themselves, and one wait covers the ends of all of them, their reports and signals.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

import uvicorn

from rl_rewards.redaction import logger_for

__all__ = ["NUMBERS", "Supervisor"]

logger = logger_for(__name__)

NUMBERS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable with the directory that the processes of a server share."""
HANGS_AFTER = 60.0
"""Seconds without a report until a worker counts as hanging: one whose interpreter is held by a library, or that is stopped."""
_REPORTS_WITHIN = 600.0  # seconds until the first report: on a busy machine the imports before it take many
_REPORT_EVERY = 1.0
_LOOK_EVERY = 0.5
_STARTS = 3  # workers that end by themselves before they can answer, one after the other, until the server gives up
_LONGEST_PAUSE = 10.0  # seconds before a worker is started again whose like did not get to answer
_AFTER_DRAIN = 10.0  # seconds that a worker has to end once its requests had theirs
_KILLED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}  # by someone, and no fault of the rubric
_spawn = multiprocessing.get_context("spawn")


class _Server(uvicorn.Server):
    """A worker's server, which reports as soon as it can answer."""

    reports: Connection

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        with contextlib.suppress(OSError):  # the supervisor has ended, and so will this process
            self.reports.send_bytes(b"+")


def _work(config: uvicorn.Config, sockets: list[socket.socket], reports: Connection) -> None:
    """Serve, in a process of its own, until SIGTERM or the end of the process that started this one."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes tells all processes; what is to be done about it, the supervisor says
    threading.Thread(target=_report, args=(reports,), daemon=True).start()
    config.configure_logging()
    server = _Server(config)
    server.reports = reports
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets)


def _report(reports: Connection) -> None:
    with contextlib.suppress(OSError):
        while not reports.poll(_REPORT_EVERY):  # nothing is ever sent to a worker: what can be read is the end
            reports.send_bytes(b".")
    os.kill(os.getpid(), signal.SIGTERM)


class _Worker:
    """A worker process.

    Attributes:
        ready: whether it has come to answer requests.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self.reports, theirs = multiprocessing.Pipe()
        self.process = _spawn.Process(target=_work, args=(config, sockets, theirs))
        self.process.start()
        theirs.close()  # so that its end is seen
        self.ready = False
        self._has_reported = False
        self._heard = time.monotonic()

    def listen(self, stopped: float = 0.0) -> None:
        """Read its reports.

        Args:
            stopped: seconds in which nobody could read them, and which do not count.
        """
        self._heard += stopped
        with contextlib.suppress(EOFError, OSError):
            while self.reports.poll():
                if self.reports.recv_bytes() == b"+":
                    self.ready = True
                    logger.info("worker %s answers", self.process.pid)
                self._heard, self._has_reported = time.monotonic(), True

    @property
    def hangs(self) -> bool:
        return time.monotonic() - self._heard > (HANGS_AFTER if self._has_reported else _REPORTS_WITHIN)

    def end(self) -> None:
        """Have it finish its requests and end."""
        self.process.terminate()


class Supervisor:
    """Starts workers and keeps their number, until SIGTERM or SIGINT.

    Args:
        config: what every worker serves, and how long its requests have at the end.
        sockets: where all of them listen.

    Attributes:
        gave_up: whether the workers end before they can answer.
    """

    def __init__(self, config: uvicorn.Config, sockets: Sequence[socket.socket]) -> None:
        self.gave_up = False
        self._config, self._sockets = config, list(sockets)
        self._workers: list[_Worker] = []
        self._old: list[_Worker] = []  # those that SIGHUP is to replace
        self._leaving: list[_Worker] = []
        self._next: _Worker | None = None  # takes the place of the first of the old ones once it is ready
        self._failed_starts, self._not_before = 0, 0.0
        self._signals: set[int] = set()
        self._ends = False

    def run(self) -> None:
        """Serve until a signal says to end, or no worker can be started; every worker has ended then."""
        wake, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._signals.add(number))
        try:
            while not self._ends:
                self._replace_the_dead()
                self._replace_the_old()
                self._wait(wake, _LOOK_EVERY)
                self._obey()
        finally:
            self._end()
            signal.set_wakeup_fd(-1)

    def _everyone(self) -> list[_Worker]:
        return [*self._workers, *self._leaving, *([] if self._next is None else [self._next])]

    def _wait(self, wake: socket.socket, seconds: float) -> None:
        """Wait for a signal, a report or an end, and read the reports."""
        everyone, began = self._everyone(), time.monotonic()
        ready = wait([wake, *(worker.process.sentinel for worker in everyone), *(worker.reports for worker in everyone)], seconds)
        if wake in ready:
            wake.recv(4096)
        stopped = max(0.0, time.monotonic() - began - seconds)  # Ctrl-Z, a paused container: no worker could report either
        for worker in everyone:
            worker.listen(stopped)

    def _obey(self) -> None:
        signals, self._signals = self._signals, set()
        self._ends |= bool(signals - {signal.SIGHUP})
        if signal.SIGHUP in signals:
            self._old = list(self._workers)

    def _replace_the_dead(self) -> None:
        for worker in [each for each in self._everyone() if self._has_ended(each)]:
            if worker in self._leaving:
                self._leaving.remove(worker)
                continue
            self._count(worker)
            if worker is self._next:
                self._next = None
                if worker.process.exitcode not in _KILLED:  # what is served has changed for the worse
                    self._old = []
                    logger.error("the workers that run are kept, since a new one cannot start; its log is above")
                continue
            self._workers.remove(worker)
            self._old = [old for old in self._old if old is not worker]
        missing = self._config.workers - len(self._workers)
        if self._failed_starts >= _STARTS and not any(worker.ready for worker in self._workers):
            self.gave_up = self._ends = True
        elif missing > 0 and time.monotonic() >= self._not_before:
            self._workers += [_Worker(self._config, self._sockets) for _ in range(missing)]

    @staticmethod
    def _has_ended(worker: _Worker) -> bool:
        if worker.hangs:
            worker.process.kill()
            worker.process.join()
        if worker.process.is_alive():
            return False
        worker.listen()
        worker.reports.close()
        return True

    def _count(self, worker: _Worker) -> None:
        """Count ends before a worker could answer: the more of them, the longer the pause before the next start."""
        logger.warning("worker %s ended with status %s", worker.process.pid, worker.process.exitcode)
        if worker.ready:
            self._failed_starts = 0
        elif worker.process.exitcode not in _KILLED:
            self._failed_starts += 1
        self._not_before = time.monotonic() + (0.0 if worker.ready else min(_LONGEST_PAUSE, 0.25 * 2**self._failed_starts))

    def _replace_the_old(self) -> None:
        if self._next is None and self._old and time.monotonic() >= self._not_before:
            self._next = _Worker(self._config, self._sockets)
        elif self._next is not None and self._next.ready:
            if self._old:
                old = self._old.pop(0)
                self._workers[self._workers.index(old)] = self._next
                self._leave(old)
            else:  # the one that it was to replace has died, and has been replaced
                self._leave(self._next)
            self._next = None

    def _leave(self, worker: _Worker) -> None:
        worker.end()
        self._leaving.append(worker)

    def _end(self) -> None:
        """End every worker, its requests finished: by SIGKILL where it does not end in time."""
        for each in self._sockets:  # new connections are refused once the workers have closed theirs
            each.close()
        for worker in self._everyone():
            worker.end()
        deadline = time.monotonic() + (self._config.timeout_graceful_shutdown or 0) + _AFTER_DRAIN
        for worker in self._everyone():
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()
