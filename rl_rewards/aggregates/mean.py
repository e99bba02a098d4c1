"""The mean score of a reward."""

from __future__ import annotations

import numpy as np

from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State, configured
from rl_rewards.aggregates.intervals import ratio_interval
from rl_rewards.aggregates.problems import share_note
from rl_rewards.aggregates.sums import SumTable

__all__ = ["Mean"]


@configured
class Mean(Aggregate):
    """Mean score over rows, each of the same weight whatever the batches were, with a 95 % interval clustered by problem.

    Every reward has it without being asked for. Completions to one prompt are alike, so an interval that takes them for independent would be
    too narrow.
    """

    def start(self) -> State:
        return State(Coverage(), SumTable(1, 2))

    def add(self, state: State, rows: Rows) -> None:
        found = self.scored(state, rows)
        scores = rows.evaluation.columns[self.reward].scores
        state.sums.add(rows.problems[found][:, None], np.array([(1.0, scores[i]) for i in found], float).reshape(-1, 2))

    def numbers(self, state: State) -> list[Number]:
        _, sums = state.sums.rows()
        value, low, high = ratio_interval(sums[:, 1], sums[:, 0])
        return [Number("mean", value, state.coverage.counted, "rows", low, high, self.direction, share_note(0, len(sums), 1, state.coverage))]
