"""Groups of a run: which of them carry a gradient, what drives it, and what p^G + (1-p)^G predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_rewards.reporting.run import Run

__all__ = ["Groups", "RightGroups", "above_group", "groups_of", "predicted_useful", "right_groups", "right_of", "variance_shares"]


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of a run that have two totals or more, as arrays over G groups.

    Attributes:
        size: totals that each has, shape (G,).
        step: its step, shape (G,).
        number: its number in `Run.group`, shape (G,).
        mean, spread: mean of its totals, and the highest minus the lowest, shape (G,).
        of: for each completion its group's place in these arrays, shape (N,); -1 for one without a group, a total, or a neighbour with one.
    """

    size: np.ndarray
    step: np.ndarray
    number: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    of: np.ndarray

    @property
    def useful(self) -> np.ndarray:
        """Which groups carry a gradient, shape (G,): their totals differ."""
        return self.spread > 0

    @property
    def effective_reward(self) -> float:
        """Mean over the groups that carry a gradient of their mean total; NaN where none does."""
        return float(self.mean[self.useful].mean()) if self.useful.any() else float("nan")


def groups_of(run: Run, where: np.ndarray | None = None) -> Groups:
    """The groups of a run's completions.

    Args:
        where: the completions that count, shape (N,); by default those that the report's curves are made of.
    """
    chosen = (run.trained if where is None else where) & (run.group >= 0) & np.isfinite(run.total)
    rows = np.flatnonzero(chosen)
    numbers, first, places, size = np.unique(run.group[rows], return_index=True, return_inverse=True, return_counts=True)
    several = size > 1
    renumbered = np.where(several, np.cumsum(several) - 1, -1)
    of = np.full(len(run), -1, np.int64)
    of[rows] = renumbered[places]
    rows = np.flatnonzero(of >= 0)
    count = int(several.sum())
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, of[rows], run.total[rows])
    np.maximum.at(high, of[rows], run.total[rows])
    sums = np.bincount(of[rows], run.total[rows], count)
    steps = run.step[np.flatnonzero(chosen)[first]][several] if len(first) else np.empty(0, np.int64)
    return Groups(size[several], steps, numbers[several], sums / np.maximum(size[several], 1), high - low, of)


def right_of(run: Run, reward: str) -> np.ndarray | None:
    """Which completions are right by a reward, shape (N,): 1 right, 0 wrong, NaN without a score; None for a reward of more than two scores.

    Right is a score of 1 or more; where no score reaches 1, the higher of the two.
    """
    scores = run.column(reward)
    found = np.unique(scores[np.isfinite(scores)])
    if not 1 <= len(found) <= 2:
        return None
    bar = 1.0 if found[-1] >= 1.0 else found[-1] if len(found) == 2 else np.inf
    return np.where(np.isfinite(scores), scores >= bar, np.nan)


def predicted_useful(share: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Share of groups of `size` independent completions that are neither all right nor all wrong: 1 - (p^G + (1 - p)^G)."""
    return 1.0 - (share**size + (1.0 - share) ** size)


@dataclass(frozen=True, eq=False)
class RightGroups:
    """Groups by a reward that says what is right, as arrays over the H groups in which it scored two completions or more.

    Attributes:
        reward: the reward's name.
        step: shape (H,).
        size, right: how many completions have a score, and how many are right, shape (H,).
        predicted: probability that a group of this size is mixed, by its step's share of right completions, shape (H,).
    """

    reward: str
    step: np.ndarray
    size: np.ndarray
    right: np.ndarray
    predicted: np.ndarray

    @property
    def kinds(self) -> dict[str, np.ndarray]:
        """Which groups are all right, mixed and all wrong, shape (H,) each."""
        return {"all right": self.right == self.size, "mixed": (self.right > 0) & (self.right < self.size), "all wrong": self.right == 0}


def right_groups(run: Run, groups: Groups, reward: str) -> RightGroups | None:
    """The groups of a run by a reward; None for one that does not say what is right (`right_of`)."""
    right = right_of(run, reward)
    if right is None:
        return None
    rows = np.flatnonzero((groups.of >= 0) & np.isfinite(right))
    size = np.bincount(groups.of[rows], minlength=len(groups.size))
    count = np.bincount(groups.of[rows], right[rows], len(groups.size))
    several = size > 1
    step, size, count = groups.step[several], size[several], count[several]
    first, place = np.unique(step, return_inverse=True)
    share = np.bincount(place, count, len(first)) / np.bincount(place, size, len(first)) if len(first) else np.empty(0)
    return RightGroups(reward, step, size, count, predicted_useful(share[place], size))


def variance_shares(run: Run, groups: Groups, places: np.ndarray, size: int) -> np.ndarray:
    """What drives the advantage: each reward's share of the within-group variance of the total, shape (size, R); NaN where there is none.

    share_r = sum (w_r s_r - its group's mean) (total - its group's mean) / sum (total - its group's mean)^2: the covariance decomposition of
    a variance, so that shares add up to 1 over the rewards; a reward that works against the total has a negative one.

    Args:
        places: for each group the step, or whatever shares are wanted of, in [0, size), shape (G,).
    """
    rows = np.flatnonzero(groups.of >= 0)
    of = groups.of[rows]
    count = len(groups.size)

    def centred(values: np.ndarray) -> np.ndarray:
        return values - (np.bincount(of, values, count) / groups.size)[of]

    total = centred(run.total[rows])
    whole = np.bincount(places[of], total * total, size)
    shares = np.full((size, len(run.rewards)), np.nan)
    for i, weight in enumerate(run.weights):
        if np.isfinite(weight):
            part = centred(np.nan_to_num(run.scores[rows, i]) * weight)
            np.divide(np.bincount(places[of], part * total, size), whole, out=shares[:, i], where=whole > 1e-18)
    return shares


def above_group(run: Run) -> np.ndarray:
    """Each completion's total minus its group's mean total, shape (N,); NaN without a group or a total."""
    rows = np.flatnonzero((run.group >= 0) & np.isfinite(run.total))
    _, place = np.unique(run.group[rows], return_inverse=True)
    above = np.full(len(run), np.nan)
    if len(rows):
        above[rows] = run.total[rows] - (np.bincount(place, run.total[rows]) / np.bincount(place))[place]
    return above
