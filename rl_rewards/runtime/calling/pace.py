"""When an attempt may begin: a free slot, room in the rate limits, and a server that does not ask to wait."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rl_rewards.runtime.calling.rates import Rates

__all__ = ["Pace", "processes_of_node", "share_of_process"]

_WEIGHT = 0.1  # of the newest attempt in the share of those that met too much to do
_BUSY = 0.2  # of the latest attempts; fewer are an accident, and no reason to go slower
_LESS = 0.7  # of the slots stay when a server has too much to do, as TCP Reno halves its window


def processes_of_node() -> int:
    """How many processes a launcher (torchrun, accelerate) has started on this node; 1 without one."""
    size = os.environ.get("LOCAL_WORLD_SIZE", "1")
    return max(1, int(size)) if size.isdigit() else 1


def share_of_process(number: int) -> int:
    """This process's part of what a node may have at once, at least 1."""
    return max(1, number // processes_of_node())


class Pace:
    """Lets attempts begin, first come first served. Belongs to one event loop.

    A server that says it has too much to do gets fewer attempts at once, down to one; every success widens the way again.

    Args:
        concurrency: attempts at once.
        rates: requests and tokens a minute.
    """

    def __init__(self, concurrency: int, rates: Rates | None = None) -> None:
        self._most = concurrency
        self._slots = float(concurrency)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._rates = rates
        self._turn = asyncio.Lock()
        self._resume_at = 0.0
        self._busy = 0.0

    @asynccontextmanager
    async def attempt(self, tokens: float = 0.0) -> AsyncIterator[None]:
        """One attempt of about `tokens` tokens. Entering it waits; that wait is no part of any deadline."""
        await self._acquire()
        try:
            if self._rates is not None or self._resume_at:
                await self._wait(tokens)
            yield
        finally:
            self._running -= 1
            self._wake()

    def worked(self) -> None:
        """Take note of a reply."""
        self._busy *= 1 - _WEIGHT
        if self._slots < self._most:
            self._slots = min(float(self._most), self._slots + 1.0 / self._slots)

    def slow_down(self, seconds: float | None, backoff: float) -> None:
        """Take note of a server that has too much to do.

        Args:
            seconds: for which it asks to be left alone; None where it does not say. No attempt begins before.
            backoff: seconds to leave it alone where it does not say so, and refuses often.
        """
        now = asyncio.get_running_loop().time()
        self._busy += _WEIGHT * (1 - self._busy)
        often = self._busy > _BUSY
        if often and now >= self._resume_at:  # once for all attempts that were under way together
            self._slots = max(1.0, min(self._slots, self._running) * _LESS)
        if seconds is None:
            seconds = backoff if often else 0.0
        if seconds > 0:
            self._resume_at = max(self._resume_at, now + seconds)

    async def _acquire(self) -> None:
        if self._running < self._slots and not self._waiting:
            self._running += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # it had its slot already
                self._running -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._running < self._slots:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)

    async def _wait(self, tokens: float) -> None:
        loop = asyncio.get_running_loop()
        while (seconds := self._resume_at - loop.time()) > 0:
            await asyncio.sleep(seconds)
        if self._rates is None:
            return
        async with self._turn:  # so that a process that is killed leaves one reservation behind, not its whole queue
            await asyncio.sleep(self._rates.reserve(tokens))
