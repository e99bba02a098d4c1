"""Shares of problems that are always, never and sometimes solved."""

from __future__ import annotations

import numpy as np

from rl_rewards.aggregates.base import Aggregate, Coverage, Direction, Number, Rows, State, configured
from rl_rewards.aggregates.intervals import mean_interval
from rl_rewards.aggregates.problems import share_note
from rl_rewards.aggregates.sums import SumTable

__all__ = ["Solved"]


@configured
class Solved(Aggregate):
    """Shares of the problems whose completions are all right (`solved`), none right (`never_solved`) and partly right (`mixed`).

    They add up to 1. Only mixed problems teach a policy that is trained on differences within a group. `solved` is better higher,
    `never_solved` lower, `mixed` neither.
    """

    right: float = 1.0
    """The score from which on a completion is right."""

    def start(self) -> State:
        return State(Coverage(), SumTable(1, 2))

    def add(self, state: State, rows: Rows) -> None:
        found = self.scored(state, rows)
        scores = rows.evaluation.columns[self.reward].scores
        right = np.array([(scores[i] or 0.0) >= self.right for i in found], float)
        state.sums.add(rows.problems[found][:, None], np.stack([np.ones(len(found)), right], axis=1))

    def mixed(self, state: State) -> np.ndarray:
        """Keys of the mixed problems, shape (M,)."""
        keys, counts = state.sums.rows()
        return keys[(counts[:, 1] > 0) & (counts[:, 1] < counts[:, 0]), 0]

    def numbers(self, state: State) -> list[Number]:
        _, counts = state.sums.rows()
        always, never = counts[:, 1] == counts[:, 0], counts[:, 1] == 0
        shares: tuple[tuple[str, np.ndarray, Direction | None], ...] = (
            ("solved", always, "up"),
            ("never_solved", never, "down"),
            ("mixed", ~always & ~never, None),
        )
        numbers = []
        for name, where, direction in shares:
            value, low, high = mean_interval(where.astype(float))
            numbers.append(Number(name, value, len(counts), "problems", low, high, direction, share_note(0, len(counts), 1, state.coverage)))
        return numbers
