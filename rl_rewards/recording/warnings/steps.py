"""Counts of one step of a run, which add up over its batches and processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_rewards.recording.warnings.grouping import Groups
from rl_rewards.recording.warnings.series import COUNTS

__all__ = ["SKIPPED", "TIMEOUT", "UNPARSED", "Step", "count_step"]

SKIPPED, UNPARSED, TIMEOUT = 1, 2, 3
"""Codes of the outcomes that are counted; 0 is any other, -1 a completion that the reward was not given."""


@dataclass
class Step:
    """Counts of one step; `extremes` are lowest, highest and the number at the highest, (3, R); `judged` and `flat` end with the total's."""

    plain: dict[str, float]
    rewards: np.ndarray
    extremes: np.ndarray
    covariance: np.ndarray
    judged: np.ndarray
    flat: list[np.ndarray]
    longest: tuple[float, float]

    def padded(self, size: int) -> Step:
        """The same with room for `size` rewards, where later steps have more."""
        more = size - self.rewards.shape[1]
        if not more:
            return self
        nan = np.full((2, more), np.nan)
        return Step(
            self.plain,
            np.pad(self.rewards, ((0, 0), (0, more))),
            np.concatenate([self.extremes, np.concatenate([nan, np.zeros((1, more))])], 1),
            np.pad(self.covariance, ((0, more), (0, more))),
            np.concatenate([self.judged[:-1], np.zeros(more), self.judged[-1:]]),
            [*self.flat[:-1], *[np.empty(0)] * more, self.flat[-1]],
            self.longest,
        )

    def with_other(self, other: Step) -> Step:
        """Both together, of one step."""
        mine = self.padded(other.rewards.shape[1])
        low, high = np.fmin(mine.extremes[0], other.extremes[0]), np.fmax(mine.extremes[1], other.extremes[1])
        at_high = sum(np.where(each.extremes[1] == high, each.extremes[2], 0.0) for each in (mine, other))
        longest = np.fmax(mine.longest[0], other.longest[0])
        return Step(
            {name: value + other.plain[name] for name, value in mine.plain.items()},
            mine.rewards + other.rewards,
            np.array([low, high, at_high]),
            mine.covariance + other.covariance,
            mine.judged + other.judged,
            [np.concatenate(pair) for pair in zip(mine.flat, other.flat, strict=True)],
            (float(longest), float(sum(each.longest[1] for each in (mine, other) if each.longest[0] == longest))),
        )


def count_step(rows: dict[str, np.ndarray], weights: np.ndarray, length_limit: int | None) -> Step:
    """Count the completions of one step.

    Args:
        rows: arrays of N completions and R rewards, as Completions has them.
        weights: (R).
        length_limit: the most tokens that a completion may have, where that is known.
    """
    score, outcome, scorable = rows["score"], rows["outcome"], rows["scorable"]
    has = ~np.isnan(score)
    plain_score = np.where(has, score, 0.0)
    gate = rows["gate"]
    with np.errstate(invalid="ignore"):
        clipped = has & ~np.isnan(rows["raw"]) & (gate != 0) & (rows["raw"] != score)
    present, failed, timeouts = outcome >= 0, rows["failed"] > 0, outcome == TIMEOUT
    counted = {
        "rows": present,
        "skipped": outcome == SKIPPED,
        "unparsed": outcome == UNPARSED,
        "timeouts": timeouts,
        "errors": failed & ~timeouts,
        "count": has,
        "sum": plain_score,
        "squares": plain_score**2,
        "clipped": clipped,
        "gated": ~np.isnan(gate),
        "gate_closed": gate == 0,
        "seconds": rows["seconds"],
    }
    lowest, highest = np.where(has, score, np.inf).min(0), np.where(has, score, -np.inf).max(0)
    weighted = weights != 0
    totals = np.where(scorable & has[:, weighted].any(1), plain_score @ weights, np.nan)
    known = ~np.isnan(totals)
    groups = Groups(rows["rank"], rows["group"])
    flat = [groups.flat(score[:, i]) for i in range(len(weights))] + [groups.flat(totals)]
    tokens = rows["tokens"]
    measured = tokens if not np.isnan(tokens).any() else rows["characters"]
    mixed_sum, mixed_groups = groups.mixed(totals)
    return Step(
        {
            "rows": float(len(scorable)),
            "unscorable": float((~scorable).sum()),
            "groups": float(groups.several),
            "total_sum": float(totals[known].sum()),
            "total_count": float(known.sum()),
            "total_squares": float((totals[known] ** 2).sum()),
            "mixed_sum": mixed_sum,
            "mixed_groups": mixed_groups,
            "length_sum": float(measured.sum()),
            "length_count": float(len(measured)),
            "repeated": groups.repeated(rows["text"]),
            "repeat_rows": float(groups.rows),
        },
        np.array([np.asarray(counted[name], float).sum(0) for name in COUNTS]),
        np.array([np.where(np.isinf(lowest), np.nan, lowest), np.where(np.isinf(highest), np.nan, highest), (score == highest).sum(0)]),
        groups.covariance(np.where(scorable[:, None], score, np.nan)),
        np.array([judged for judged, _ in flat], float),
        [values for _, values in flat],
        _longest(tokens, length_limit),
    )


def _longest(tokens: np.ndarray, limit: int | None) -> tuple[float, float]:
    known = tokens[~np.isnan(tokens)]
    if not len(known):
        return np.nan, 0.0
    longest = float(limit) if limit is not None and known.max() >= limit else float(known.max())
    return longest, float((known >= longest).sum())
