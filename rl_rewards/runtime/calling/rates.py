"""Requests and tokens a minute: token buckets, also for several processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from rl_rewards.runtime.calling.numbers import Numbers

__all__ = ["Rates"]

_BURST = 1.0  # seconds' worth of the rate that may be used at once


class Rates:
    """Token buckets in their form as a virtual clock (GCRA, ITU-T I.371): of each bucket one number is kept, when it will be even again.

    A request may begin once every bucket is even but for a second's worth, and may then take more than is left: the next one waits for it. So
    a request of any size gets through, and over a minute no more than the rate is used, but for that second.

    Args:
        numbers: where the buckets are kept.
        name: of the buckets: those of one name are shared.
        requests: requests a minute; None for no limit.
        tokens: tokens a minute; None for no limit.
        clock: seconds since the epoch, which all processes of a node share.
    """

    def __init__(
        self, numbers: Numbers, name: str, requests: float | None = None, tokens: float | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._numbers = numbers
        self._clock = clock
        self._requests, self._tokens = f"{name} requests", f"{name} tokens"
        self._per_second = {key: rate / 60.0 for key, rate in ((self._requests, requests), (self._tokens, tokens)) if rate is not None}
        self._ahead = {key: _BURST if key == self._tokens else max(0.0, _BURST - 1.0 / rate) for key, rate in self._per_second.items()}

    def reserve(self, tokens: float) -> float:
        """Take room for a request; seconds to wait before it begins."""
        if not self._per_second:
            return 0.0
        now = self._clock()
        with self._numbers.change() as even_at:
            wait = max(0.0, *(even_at.get(key, 0.0) - ahead - now for key, ahead in self._ahead.items()))
            for key, rate in self._per_second.items():
                amount = 1.0 if key == self._requests else tokens
                even_at[key] = max(even_at.get(key, 0.0), now + wait) + amount / rate
        return wait

    def correct(self, tokens: float) -> None:
        """Take `tokens` more, or give back fewer than 0, once the number of a request is known."""
        if tokens and self._tokens in self._per_second:
            with self._numbers.change() as even_at:
                even_at[self._tokens] = even_at.get(self._tokens, 0.0) + tokens / self._per_second[self._tokens]
