"""What a trainer gets for a row that has no score, where it has no way to say so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from rl_rewards.reward import RewardError

__all__ = ["POLICIES", "Policy", "fill_in"]

Policy = Literal["raise", "drop_group", "group_mean"]

POLICIES: tuple[Policy, ...] = ("raise", "drop_group", "group_mean")
"""raise: the run stops, with the reason. drop_group: every completion of that prompt gets the same number, so that the group has no advantages and
teaches nothing. group_mean: the row gets the mean of its group, and so no advantage; the others keep theirs but for a smaller deviation."""


def fill_in(
    columns: Sequence[Sequence[float | None]], scorable: Sequence[bool], groups: Sequence[int | None], policy: Policy
) -> list[list[float | None]]:
    """Scores in which every row that has none got one by `policy`.

    A row's stand-in is, for each column, the mean over the rows of its group that may be scored, or over those of the batch where the group has none; a
    score that is absent there counts 0, as it does in a total, so that the weighted sum of the stand-ins is the mean of the totals.

    Args:
        columns: for each reward N scores, None where there is none; or one column, of totals.
        scorable: N times whether the row has a score.
        groups: N times which group; a row without one is a group of its own.
        policy: drop_group or group_mean.

    Raises:
        RewardError: when no row of the batch has a score.
    """
    filled = [list(column) for column in columns]
    if all(scorable):
        return filled
    members: dict[object, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(("alone", row) if group is None else group, []).append(row)
    everywhere = [row for row, ok in enumerate(scorable) if ok]
    for rows in members.values():
        if all(scorable[row] for row in rows):
            continue
        means = _means(columns, [row for row in rows if scorable[row]] or everywhere)
        for row in rows:
            if policy == "drop_group" or not scorable[row]:
                for column, mean in zip(filled, means, strict=True):
                    column[row] = mean
    return filled


def _means(columns: Sequence[Sequence[float | None]], rows: Sequence[int]) -> list[float]:
    if not rows:
        raise RewardError("no row of this batch has a score, so that there is no mean to stand for one; see the log for why")
    return [math.fsum(column[row] or 0.0 for row in rows) / len(rows) for column in columns]
