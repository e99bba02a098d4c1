"""Best-of-k: the score of the completion that another reward picks among k."""

from __future__ import annotations

from dataclasses import field
from math import comb

import numpy as np

from rl_rewards.aggregates.base import Coverage, Rows, State, configured
from rl_rewards.aggregates.problems import ProblemAggregate
from rl_rewards.aggregates.sums import SumTable, floats_of, keys_of

__all__ = ["BestOfK"]


@configured
class BestOfK(ProblemAggregate):
    """Expected score of the completion that scores highest under `by` among k, as a mean over problems; exact over all draws of k.

    Equal highest ones are picked at random. By default the reward picks for itself, which is the most that any choice can reach. The state
    is 32 bytes for each distinct pair of scores of a problem. A row needs a score of both rewards.
    """

    by: str | None = field(default=None, kw_only=True)
    """Name of the reward that picks: a judge, a reward model."""

    reward_options = ("reward", "by")

    def label(self, k: int) -> str:
        return f"best@{k}"

    def start(self) -> State:
        return State(Coverage(), SumTable(3, 1))

    def add(self, state: State, rows: Rows) -> None:
        by = self.by or self.reward
        found = self.scored(state, rows, others=(by,))
        picking, scores = (np.array([rows.evaluation.columns[name].scores[i] for i in found], float) for name in (by, self.reward))
        state.sums.add(np.stack([rows.problems[found], keys_of(picking), keys_of(scores)], axis=1), np.ones((len(found), 1)))

    def per_problem(self, state: State, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        keys, counts = state.sums.rows()
        picking, scores, rows = floats_of(keys[:, 1]), floats_of(keys[:, 2]), counts[:, 0].astype(np.int64)
        order = np.lexsort((picking, keys[:, 0]))
        problems, first = np.unique(keys[order, 0], return_index=True)
        found, values = [], []
        for problem, start, end in zip(problems, first, [*first[1:], len(order)]):
            places = order[start:end]
            if rows[places].sum() >= k:
                found.append(problem)
                values.append(_expected(picking[places], scores[places], rows[places], k))
        return np.array(found, np.uint64), np.array(values, float), len(problems)


def _expected(picking: np.ndarray, scores: np.ndarray, rows: np.ndarray, k: int) -> float:
    """The expected score of the highest of k completions without replacement: of n, the highest is of the lowest m with C(m, k) / C(n, k)."""
    first = np.flatnonzero(np.concatenate([[True], picking[1:] != picking[:-1]]))
    sizes, sums = np.add.reduceat(rows, first), np.add.reduceat(rows * scores, first)
    every, below, expected, drawn = comb(int(rows.sum()), k), 0, 0.0, 0
    for size, total in zip(sizes, sums):
        drawn += int(size)
        upto = comb(drawn, k)
        expected += (upto - below) / every * float(total) / int(size)
        below = upto
    return expected
