"""Means over rows with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_rewards.aggregates import intervals

__all__ = ["Interval", "difference_interval", "mean_interval"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over rows, with the ends of its 95 % interval; None where fewer than two rows have a score."""

    mean: float
    low: float | None
    high: float | None
    rows: int

    def __str__(self) -> str:
        ends = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.mean:.3f}{ends}"

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean of one value for each row, at least one."""
    mean, low, high = intervals.mean_interval(np.asarray(values, dtype=float))
    assert mean is not None
    return Interval(mean, low, high, len(values))


def difference_interval(after: Mapping[int, float], before: Mapping[int, float]) -> Interval:
    """The mean difference over the rows that both have, by row number; Student's interval, of paired differences."""
    differences = np.asarray([reward - before[row] for row, reward in after.items() if row in before], dtype=float)
    # Shifted, so that the interval of shares in [0, 1] is not taken for differences that all happen to lie there.
    mean, low, high = intervals.mean_interval(differences - 2.0 * max(1.0, float(np.abs(differences).max(initial=0.0))))
    shift = 2.0 * max(1.0, float(np.abs(differences).max(initial=0.0)))
    assert mean is not None
    return Interval(mean + shift, None if low is None else low + shift, None if high is None else high + shift, len(differences))
