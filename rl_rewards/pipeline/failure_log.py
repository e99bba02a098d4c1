"""Tracebacks of failing rewards: the first whole, then one in a thousand."""

from __future__ import annotations

from collections import Counter

from rl_rewards.pipeline.columns import RewardColumn
from rl_rewards.redaction import logger_for
from rl_rewards.types import MissingReferenceError

__all__ = ["FailureLog"]

logger = logger_for("rl_rewards")

_EVERY = 1000


class FailureLog:
    """Logs a traceback for the first failed row of each reward, and for every thousandth after it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, column: RewardColumn) -> None:
        name = column.reward.name
        for i in column.failed:
            if self._counts[name] % _EVERY == 0:
                result = column.results[i]
                cause = result.cause
                if isinstance(cause, MissingReferenceError) and cause.__cause__ is None:  # its message says all
                    cause = None
                information = None if cause is None else (type(cause), cause, cause.__traceback__)
                number = self._counts[name] + 1
                logger.warning(
                    "reward %r failed (failure %d): outcome %s, %s", name, number, result.outcome.value, result.error, exc_info=information
                )
            self._counts[name] += 1
