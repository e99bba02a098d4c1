"""What the warnings read: counts of a run, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rl_rewards.recording.warnings.known import known_highest, known_lowest

__all__ = ["COUNTS", "RunSeries", "ratio"]

# Assumed correlation within a group of whatever is counted of its completions; see RunSeries.units.
_WITHIN_GROUP = 0.3

COUNTS = ("rows", "skipped", "unparsed", "timeouts", "errors", "count", "sum", "squares", "clipped", "gated", "gate_closed", "seconds")
"""What is counted of each reward in each step; all but `seconds` (mean wall time of a batch) can be added up."""


@dataclass(frozen=True)
class RunSeries:
    """Counts of a run of T steps and R rewards. The last column of `judged` and `flat` is that of the weighted total.

    Attributes:
        steps: T step numbers, ascending; -1 for rows without a step.
        names, weights: of the R rewards, in the rubric's order; the weight is 0 for a metric.
        rows, unscorable: completions, and those that were left out, (T).
        groups: groups of two or more completions, (T); 0 where groups are not known.
        counts: COUNTS -> (T, R). `errors` are failures of the reward itself but for timeouts; `timeouts` are whoever's fault they were.
        low, high, at_high: lowest and highest score of a step, and the number of scores at the highest, (T, R); NaN without scores.
        covariance: sums over rows of products of the deviations of two scores from their group's mean, (T, R, R).
        total_sum, total_count, total_squares: of the weighted totals, (T).
        judged: groups with two or more scores, (T, R + 1).
        flat: T lists of R + 1 arrays: the score of each group whose scores are all equal.
        mixed_sum, mixed_groups: sum of the mean totals of the groups with a spread, and their number, (T).
        length: mean tokens of a completion, characters where tokens are not known, (T).
        longest, at_longest: the most tokens of a completion, and how many completions have as many, (T); NaN where not known.
        repeated, repeat_rows: completions equal to an earlier one of their group, of how many in groups, (T).
        log: the trainer's own numbers, such as `kl` and `entropy`: name -> (steps, values).
        length_limit: the most tokens that the trainer lets a completion have; None where not known.
        planned_steps: the run's last step; None where not known, or where the run is over.
    """

    steps: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray
    rows: np.ndarray
    unscorable: np.ndarray
    groups: np.ndarray
    counts: Mapping[str, np.ndarray]
    low: np.ndarray
    high: np.ndarray
    at_high: np.ndarray
    covariance: np.ndarray
    total_sum: np.ndarray
    total_count: np.ndarray
    total_squares: np.ndarray
    judged: np.ndarray
    flat: Sequence[Sequence[np.ndarray]]
    mixed_sum: np.ndarray
    mixed_groups: np.ndarray
    length: np.ndarray
    longest: np.ndarray
    at_longest: np.ndarray
    repeated: np.ndarray
    repeat_rows: np.ndarray
    log: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    length_limit: int | None = None
    planned_steps: int | None = None

    @property
    def size(self) -> int:
        """How many steps, T."""
        return len(self.steps)

    def units(self, rows: np.ndarray, alike: float = _WITHIN_GROUP) -> np.ndarray:
        """How many independent observations so many rows of each step are worth, (T).

        Completions to one prompt are alike, so that rows count less than they are: Kish's design effect 1 + (G - 1) rho (Survey Sampling,
        1965, section 5.4) for G completions a group, with a correlation rho (`alike`) of 0.3 where nothing better is known.
        """
        size = np.where(self.groups > 0, self.rows / np.maximum(self.groups, 1), 1.0)
        return rows / (1 + np.maximum(size - 1, 0) * alike)

    def mean(self, reward: int) -> np.ndarray:
        """The reward's mean score in each step, (T); NaN without scores."""
        return ratio(self.counts["sum"][:, reward], self.counts["count"][:, reward])

    @property
    def total(self) -> np.ndarray:
        """The mean total of each step, (T)."""
        return ratio(self.total_sum, self.total_count)

    @property
    def effective(self) -> np.ndarray:
        """The mean total over groups with a spread, which alone carry a gradient, (T)."""
        return ratio(self.mixed_sum, self.mixed_groups)

    def spread(self, reward: int | None) -> float:
        """Standard deviation of a reward's scores, or of the totals, within a step, over the whole run."""
        if reward is None:
            count, total, squares = self.total_count, self.total_sum, self.total_squares
        else:
            count, total, squares = (self.counts[name][:, reward] for name in ("count", "sum", "squares"))
        within = squares - np.where(count > 0, total**2 / np.maximum(count, 1), 0.0)
        return float(np.sqrt(max(within.sum(), 0.0) / max(count.sum(), 1.0)))

    def bounds(self, reward: int) -> tuple[float, float]:
        """The lowest and the highest score of the run; NaN without scores."""
        low, high = self.low[:, reward], self.high[:, reward]
        return known_lowest(low), known_highest(high)

    def at_ceiling(self, reward: int) -> np.ndarray:
        """How many scores of each step are the highest of the run, (T)."""
        return np.where(self.high[:, reward] == self.bounds(reward)[1], self.at_high[:, reward], 0.0)

    @property
    def weighted(self) -> list[int]:
        """Positions of the rewards that are trained on."""
        return [int(i) for i in np.flatnonzero(self.weights)]

    @property
    def leading(self) -> int | None:
        """The reward that can move the total most, by weight times range; None where no reward with a range moves half of it or more."""
        moves = {i: abs(self.weights[i]) * (high - low) for i in self.weighted for low, high in [self.bounds(i)] if high > low}
        if not moves:
            return None
        first = max(moves, key=lambda i: moves[i])
        return first if moves[first] >= 0.5 * sum(moves.values()) else None


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """A quotient, NaN where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)
