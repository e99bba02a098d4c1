"""Aggregates: numbers over many samples or groups of a reward's column.

The one place that says what a rate is a share of. A `Tally` holds what can be added up over batches, processes and files; order
statistics and statistics of groups are functions of the scores.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types import Outcome
from rl_rewards.types.components import component_scores

__all__ = ["Tally", "component_means", "flat_groups", "group_scores", "pass_at_k", "percentile", "tally_of"]


@dataclass(slots=True)
class Tally:
    """What became of a reward's rows, and its scores.

    Rates are shares in [0, 1] of the rows that the reward applied to, `skipped_rate` and `left_out_rate` of all rows; where there is no
    such row there is no rate (None), and where there is no score there is no mean. The ledger sums up:
    rows = scored + unparsed + skipped + failed + left_out.

    Attributes:
        rows: all rows.
        skipped: rows that the reward does not apply to.
        unparsed: rows without an answer, scored as wrong, that were not left out.
        failed: rows on which the reward itself failed, whatever the outcome.
        left_out: rows with a score, or without an answer, that are unscorable since another reward failed there.
        no_answer: rows without an answer, left out or not.
        timeouts: rows that ran out of time, whoever's fault it was.
        clipped: scores that the clip changed.
        gated: rows whose gate was decided.
        gate_closed: rows whose gate was closed.
        count: final scores, of any row.
        mean: their mean; 0 where there is none.
        squares: sum of their squared differences from the mean.
        low, high: the lowest and the highest; infinities where there is none.
    """

    rows: int = 0
    skipped: int = 0
    unparsed: int = 0
    failed: int = 0
    left_out: int = 0
    no_answer: int = 0
    timeouts: int = 0
    clipped: int = 0
    gated: int = 0
    gate_closed: int = 0
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @property
    def scored(self) -> int:
        """Rows with a score that counts, of an answer."""
        return self.rows - self.skipped - self.unparsed - self.failed - self.left_out

    @property
    def applied(self) -> int:
        """Rows that the reward applied to."""
        return self.rows - self.skipped

    @property
    def std(self) -> float | None:
        """Standard deviation of a sample (n - 1), as TRL logs it; None for fewer than two scores."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None

    def of_applied(self, number: int) -> float | None:
        """A number of rows as a share of those that the reward applied to; None where it applied to none."""
        return number / self.applied if self.applied else None

    def rates(self) -> dict[str, float | None]:
        """Every rate, by the name under which it is logged."""
        return {
            "unparsed_rate": self.of_applied(self.no_answer),
            "error_rate": self.of_applied(self.failed),
            "timeout_rate": self.of_applied(self.timeouts),
            "clipped_rate": self.of_applied(self.clipped),
            "gate_closed_rate": self.gate_closed / self.gated if self.gated else None,
            "skipped_rate": self.skipped / self.rows if self.rows else None,
        }

    def add(self, scores: Iterable[float | None]) -> None:
        """Count final scores."""
        found = [score for score in scores if score is not None]
        if not found:
            return
        mean = math.fsum(found) / len(found)
        self._merge_scores(len(found), mean, math.fsum((score - mean) ** 2 for score in found), min(found), max(found))

    def merge(self, other: Tally) -> None:
        """Add another tally's rows to this one's."""
        for name in ("rows", "skipped", "unparsed", "failed", "left_out", "no_answer", "timeouts", "clipped", "gated", "gate_closed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._merge_scores(other.count, other.mean, other.squares, other.low, other.high)

    def _merge_scores(self, count: int, mean: float, squares: float, low: float, high: float) -> None:
        """Chan, Golub and LeVeque (1983), eq. 2.1: exact where a sum of squares is not."""
        total = self.count + count
        if not total:
            return
        difference = mean - self.mean
        self.squares += squares + difference * difference * self.count * count / total
        self.mean += difference * count / total
        self.count, self.low, self.high = total, min(self.low, low), max(self.high, high)


def tally_of(evaluation: Evaluation, name: str) -> Tally:
    """The tally of one reward over a batch."""
    column = evaluation.columns[name]
    outcomes = column.outcomes
    unparsed = outcomes.count(Outcome.UNPARSED)
    left_out = left_out_unparsed = 0
    if evaluation.unscorable:
        for i, ok in enumerate(evaluation.scorable):
            if not ok and column.scores[i] is not None and not column.results[i].failed:
                left_out += 1
                left_out_unparsed += outcomes[i] is Outcome.UNPARSED
    gates = column.gate_open or ()
    tally = Tally(
        rows=len(outcomes),
        skipped=outcomes.count(Outcome.SKIPPED),
        unparsed=unparsed - left_out_unparsed,
        failed=len(column.failed),
        left_out=left_out,
        no_answer=unparsed,
        timeouts=outcomes.count(Outcome.TIMEOUT),
        clipped=column.clipped,
        gated=sum(gate is not None for gate in gates),
        gate_closed=sum(gate is False for gate in gates),
    )
    tally.add(column.scores)
    return tally


def component_means(evaluation: Evaluation, name: str) -> dict[str, tuple[float, int]]:
    """Each component of a reward: its mean over the rows that have it, and their number."""
    found = component_scores(evaluation.columns[name].results)
    return {component: (math.fsum(values) / len(values), len(values)) for component, values in found.items()}


def percentile(scores: Iterable[float | None], share: float) -> float | None:
    """The score that `share` (0 to 1) of the scores do not exceed, between neighbours by linear interpolation; None without scores."""
    ordered = sorted(score for score in scores if score is not None)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    return ordered[below] + (ordered[min(below + 1, len(ordered) - 1)] - ordered[below]) * (place - below)


def group_scores(scores: Sequence[float | None], groups: Sequence[int | None]) -> list[list[float]]:
    """The scores of each group; rows without a score or a group are left out, and so are groups without a score."""
    found: Mapping[int, list[float]] = defaultdict(list)
    for score, group in zip(scores, groups, strict=True):
        if score is not None and group is not None:
            found[group].append(score)
    return list(found.values())


def flat_groups(groups: Sequence[Sequence[float]]) -> float | None:
    """Share of the groups of two or more whose scores are all equal, and so teach nothing; None where there is no such group."""
    several = [group for group in groups if len(group) > 1]
    return sum(min(group) == max(group) for group in several) / len(several) if several else None


def pass_at_k(groups: Sequence[Sequence[float]], k: int, right: float = 1.0) -> float | None:
    """Probability that at least one of k completions is right, unbiased, as a mean over groups (2107.03374, eq. 1).

    Args:
        groups: scores of the completions to each prompt.
        k: how many completions are drawn, at least 1.
        right: the score from which on a completion is right.

    Returns:
        The mean over groups of k or more completions; None where there is none.

    Raises:
        ValueError: when k is not positive.
    """
    from rl_rewards.aggregates.pass_at_k import pass_at_k as estimate  # it needs numpy, which a tally does without

    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    estimates = []
    for group in groups:
        if (n := len(group)) >= k:
            estimates.append(estimate(n, sum(score >= right for score in group), k))
    return math.fsum(estimates) / len(estimates) if estimates else None
