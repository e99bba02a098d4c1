"""How long, how often and how much: the limits of one call."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["LONGEST_BACKOFF", "CallLimits"]

LONGEST_BACKOFF = 30.0  # seconds


@dataclass(frozen=True)
class CallLimits:
    """The limits of one call of a server.

    Attributes:
        timeout: seconds for the call with all of its attempts and waits, from its first attempt on.
        retries: attempts after the first.
        backoff: seconds before the first of them, doubled each time up to 30 s, and shortened at random by up to half.
        reply_bytes: the largest reply that is taken, decompressed.
    """

    timeout: float
    retries: int = 4
    backoff: float = 0.5
    reply_bytes: int = 16 << 20

    def wait(self, attempt: int) -> float:
        """Seconds before attempt number `attempt`, from 1 for the first retry."""
        return min(LONGEST_BACKOFF, self.backoff * 2 ** min(attempt - 1, 32)) * random.uniform(0.5, 1.0)
