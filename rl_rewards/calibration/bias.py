"""What moves a judge besides what it judges: how long a response is, and where it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rl_rewards.calibration.agreement import Estimate, resampled

__all__ = ["Bias", "length_bias", "position_bias"]

_FEWEST = 8  # rows; fewer say nothing of a correlation


@dataclass(frozen=True)
class Bias:
    """A bias and its 95 % interval.

    Attributes:
        name: "length" or "position".
        measure: what the number is.
        estimate: the number.
        unbiased: what it is without a bias.
    """

    name: str
    measure: str
    estimate: Estimate
    unbiased: float

    @property
    def found(self) -> bool:
        """Whether the interval leaves out what an unbiased judge has."""
        low, high = self.estimate.low, self.estimate.high
        return low is not None and high is not None and not low <= self.unbiased <= high


def length_bias(scores: np.ndarray, labels: np.ndarray, lengths: np.ndarray, prompts: np.ndarray, resamples: int, seed: int) -> Bias | None:
    """Rank correlation of scores and lengths among rows of the same label (partial Spearman); None where one of them does not vary.

    Above 0 longer responses score higher than people rate them, below 0 lower.
    """
    if len(scores) < _FEWEST or not np.isfinite(value := _partial(scores, lengths, labels)):
        return None
    drawn = [_partial(scores[rows], lengths[rows], labels[rows]) for rows, _ in resampled(prompts, resamples, seed)]
    return Bias("length", "partial rank correlation of score and words, given the label", _with_interval(value, drawn), 0.0)


def position_bias(components: Sequence[Mapping[str, float]], scores: np.ndarray, prompts: np.ndarray, resamples: int, seed: int) -> Bias | None:
    """How often a pairwise judge prefers what it sees first, or how a group's scores go with places; None for judges that see one response."""
    rows = np.array([index for index, parts in enumerate(components) if "won_first" in parts and "won_second" in parts], dtype=int)
    if len(rows):
        first = np.array([(components[row]["won_first"] + 1 - components[row]["won_second"]) / 2 for row in rows])
        drawn = [float(first[chosen].mean()) for chosen, _ in resampled(prompts[rows], resamples, seed)]
        return Bias("position", "share of comparisons won by the response in first place", _with_interval(float(first.mean()), drawn), 0.5)
    rows = np.array([index for index, parts in enumerate(components) if "place" in parts], dtype=int)
    if len(rows) < _FEWEST:
        return None
    places = np.array([components[row]["place"] for row in rows])
    within = scores[rows] - _group_means(scores[rows], prompts[rows])
    value = _correlation(within, places)
    if not np.isfinite(value):
        return None
    drawn = [_correlation(within[chosen], places[chosen]) for chosen, _ in resampled(prompts[rows], resamples, seed)]
    return Bias("position", "rank correlation of score within the group and place in the judge's list", _with_interval(value, drawn), 0.0)


def _group_means(scores: np.ndarray, prompts: np.ndarray) -> np.ndarray:
    _, of_row = np.unique(prompts, return_inverse=True)
    return (np.bincount(of_row, scores) / np.bincount(of_row))[of_row]


def _partial(first: np.ndarray, second: np.ndarray, given: np.ndarray) -> float:
    a, b, c = _correlation(first, second), _correlation(first, given), _correlation(second, given)
    if not np.isfinite(c):  # all labels alike: nothing to hold fixed
        return a
    scale = np.sqrt(max(0.0, (1 - b * b) * (1 - c * c)))
    return float((a - b * c) / scale) if np.isfinite(a) and np.isfinite(b) and scale > 1e-9 else float("nan")


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    from scipy.stats import rankdata

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _with_interval(value: float, drawn: Sequence[float]) -> Estimate:
    found = [each for each in drawn if np.isfinite(each)]
    if len(found) < max(20, len(drawn) / 2):
        return Estimate(value)
    low, high = np.percentile(found, (2.5, 97.5))
    return Estimate(value, float(low), float(high))
