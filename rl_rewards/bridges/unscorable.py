"""What a trainer gets for a row that has no score, where it cannot express that."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Literal

from rl_rewards.reward import RewardError

__all__ = ["POLICIES", "Policy", "Substitutes"]

Policy = Literal["raise", "drop_group", "group_mean"]

POLICIES: tuple[Policy, ...] = ("raise", "drop_group", "group_mean")
"""raise: the run stops, with the reason. drop_group: every completion of that prompt gets the same number, so that the group has no advantages and
teaches nothing. group_mean: the row gets the mean of its group, and so no advantage; the others keep theirs but for a smaller deviation."""


class Substitutes:
    """Gives rows without a score one that has no advantage.

    A substitute is, for each column, the mean over the rows of the group that have a score; where none has, over those of the batch; where none has
    either, over all that came before. A score that is absent in such a row counts 0, as it does in a total, so that the weighted sum of substitutes is the
    mean of the totals.
    """

    def __init__(self) -> None:
        self._sums: list[float] = []
        self._rows = 0
        self._lock = threading.Lock()

    def fill(
        self, columns: Sequence[Sequence[float | None]], scorable: Sequence[bool], groups: Sequence[int | None], policy: Policy
    ) -> list[list[float | None]]:
        """Scores in which every row has one, by a policy.

        Args:
            columns: for each weighted reward N scores, None where there is none; or one column, of totals.
            scorable: N times whether the row has a score.
            groups: N times which group; a row without one is a group of its own.
            policy: drop_group or group_mean.

        Raises:
            RewardError: when no row has had a score yet.
        """
        scored = [row for row, ok in enumerate(scorable) if ok]
        with self._lock:
            sums = _sums(columns, scored)
            self._sums = [a + b for a, b in zip(self._sums or [0.0] * len(sums), sums, strict=True)]
            self._rows += len(scored)
        filled = [list(column) for column in columns]
        if len(scored) == len(scorable):
            return filled
        members: dict[object, list[int]] = {}
        for row, group in enumerate(groups):
            members.setdefault(("alone", row) if group is None else group, []).append(row)
        for rows in members.values():
            if all(scorable[row] for row in rows):
                continue
            means = self._means(columns, [row for row in rows if scorable[row]] or scored)
            for row in rows:
                if policy == "drop_group" or not scorable[row]:
                    for column, mean in zip(filled, means, strict=True):
                        column[row] = mean
        return filled

    def _means(self, columns: Sequence[Sequence[float | None]], rows: Sequence[int]) -> list[float]:
        sums, count = (_sums(columns, rows), len(rows)) if rows else (self._sums, self._rows)
        if not count:
            raise RewardError("no row has had a score yet, so that there is no mean to give one; the log says what failed")
        return [total / count for total in sums]


def _sums(columns: Sequence[Sequence[float | None]], rows: Sequence[int]) -> list[float]:
    return [math.fsum(column[row] or 0.0 for row in rows) for column in columns]
