"""Names the reward that a batch waits for when it takes long: one thread watches every batch of the process."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from rl_rewards.redaction import logger_for

__all__ = ["Watched"]

logger = logger_for(__name__)


class Watched:
    """A batch that is being scored. A reward in the caller's thread can only be named, not stopped.

    Args:
        rows: the batch's samples.
        warn_after: seconds after which the reward that still runs is named in a warning, again after each doubling.
    """

    __slots__ = ("_delay", "_rows", "_started", "current", "due")

    def __init__(self, rows: int, warn_after: float) -> None:
        self.current: Any = None
        """What runs now: its `name` is in the warning."""
        self._rows, self._delay, self._started = rows, warn_after, time.monotonic()
        self.due = self._started + warn_after
        _thread.add(self)

    def stop(self) -> None:
        """The batch is scored."""
        _thread.remove(self)
        self.current = None  # the watching thread may hold this object, and the batch must not be kept for it

    def warn(self) -> None:
        """Say what it waits for."""
        if (job := self.current) is not None:
            seconds = time.monotonic() - self._started
            logger.warning("reward %r is still scoring a batch of %d after %.0f s: it may hang", job.name, self._rows, seconds)
        self._delay *= 2
        self.due += self._delay


class _WatchThread:
    """The thread, started by the first batch. A timer of its own for each batch would cost more than a rule's score."""

    def __init__(self) -> None:
        self._change = threading.Condition(threading.Lock())
        self._batches: set[Watched] = set()
        self._looks_at = float("inf")  # when it wakes next: only a batch that is due earlier has to wake it
        self._thread: threading.Thread | None = None

    def add(self, batch: Watched) -> None:
        with self._change:
            self._batches.add(batch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rl-rewards-watch", daemon=True)
                self._thread.start()
            if batch.due < self._looks_at:
                self._looks_at = batch.due
                self._change.notify()

    def remove(self, batch: Watched) -> None:
        with self._change:
            self._batches.discard(batch)

    def _run(self) -> None:
        while True:
            with self._change:
                self._looks_at = min((batch.due for batch in self._batches), default=float("inf"))
                left = self._looks_at - time.monotonic()
                if left > 0:
                    self._change.wait(min(left, threading.TIMEOUT_MAX))
                now = time.monotonic()
                late = [batch for batch in self._batches if batch.due <= now]
            for batch in late:
                batch.warn()


_thread = _WatchThread()


def _renew() -> None:
    global _thread
    _thread = _WatchThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # a child of fork has the lock, perhaps held, and not the thread
