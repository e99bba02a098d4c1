"""How long the calls of one row take, without what they wait for their turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

__all__ = ["CallClock", "under_way"]


class CallClock:
    """Adds up the seconds in which a call that began within its `with` is under way; those of several at once count once.

    A task that is started within has it, too.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._calls = 0
        self._since = 0.0

    def __enter__(self) -> Self:
        self._before = _clock.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _clock.reset(self._before)

    def begin(self) -> None:
        """A call begins."""
        if not self._calls:
            self._since = time.perf_counter()
        self._calls += 1

    def end(self) -> None:
        """A call ends."""
        self._calls -= 1
        if not self._calls:
            self.seconds += time.perf_counter() - self._since


_clock: ContextVar[CallClock | None] = ContextVar("call_clock", default=None)


@contextmanager
def under_way() -> Iterator[None]:
    """Counts what happens within for the row whose call this is, where one is being timed."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    clock.begin()
    try:
        yield
    finally:
        clock.end()
