"""A circuit breaker: a server that is down is not called for a while, so that a large batch does not wait for every call's retries."""

from __future__ import annotations

import time
from collections.abc import Callable

from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.types import Outcome

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Refuses calls after some have failed one after the other, until a time has passed; then one call at a time tries again.

    Args:
        failures: calls that fail one after the other before it opens, at least 1.
        seconds: how long it stays open.
        clock: seconds, for tests.
    """

    def __init__(self, failures: int = 8, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        if failures < 1:
            raise ValueError(f"failures must be at least 1, got {failures}")
        self._allowed = failures
        self._seconds = seconds
        self._clock = clock
        self._failed = 0
        self._closed_again_at = 0.0

    def check(self) -> None:
        """Let a call begin.

        Raises:
            CallError: while it is open.
        """
        if self._failed < self._allowed:
            return
        left = self._closed_again_at - self._clock()
        if left > 0:
            raise CallError(Outcome.ERROR, f"not called: the last {self._failed} calls of this server failed; tried again in {left:.0f} s")
        self._closed_again_at = self._clock() + self._seconds  # for the others, while this call tries

    def record(self, works: bool) -> None:
        """Take note of whether the server works, as a call has found: it answered, be it with a refusal of the input, or it is down."""
        if works:
            self._failed = 0
            return
        self._failed += 1
        if self._failed >= self._allowed:
            self._closed_again_at = self._clock() + self._seconds
