"""The gap between two ways of using k completions."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Literal

import numpy as np

from rl_rewards.aggregates.base import Coverage, Rows, State, configured
from rl_rewards.aggregates.best_of_k import BestOfK
from rl_rewards.aggregates.maj_at_k import MajAtK
from rl_rewards.aggregates.pass_at_k import PassAtK, PassHatK
from rl_rewards.aggregates.problems import ProblemAggregate

__all__ = ["GapAtK"]

Way = Literal["pass_at_k", "pass_hat_k", "maj_at_k", "best_of_k"]
_WAYS: dict[str, type[ProblemAggregate]] = {"pass_at_k": PassAtK, "pass_hat_k": PassHatK, "maj_at_k": MajAtK, "best_of_k": BestOfK}
_SHORT = {"pass_at_k": "pass@{}", "pass_hat_k": "pass^{}", "maj_at_k": "maj@{}", "best_of_k": "best@{}"}


class _Two:
    """The states of both ways."""

    def __init__(self, first: State, second: State) -> None:
        self.states = first, second

    def merge(self, other: _Two) -> None:
        for mine, theirs in zip(self.states, other.states):
            mine.merge(theirs)


@configured
class GapAtK(ProblemAggregate):
    """The difference between two ways of using k completions, problem by problem: `between: [pass_at_k, pass_hat_k]` is pass@k - pass^k.

    pass@k - pass^k is what luck adds, pass@k - maj@k what a better choice than voting could win, pass@k - best@k what a judge misses. Less
    is better. Both are taken over the problems that have a value of both.
    """

    between: tuple[Way, Way] = field(default=("pass_at_k", "pass_hat_k"), kw_only=True)
    """The way that reaches more, and the one that is taken from it."""
    by: str | None = field(default=None, kw_only=True)
    """For best_of_k, the name of the reward that picks."""

    direction = "down"
    reward_options = ("reward", "by")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.between[0] == self.between[1]:
            raise ValueError(f"between must be two different ways, got {self.between[0]!r} twice")
        if self.by is not None and "best_of_k" not in self.between:
            raise ValueError(f"by is for best_of_k, which is not in between {list(self.between)}")

    @property
    def reads_answers(self) -> bool:
        return "maj_at_k" in self.between

    @property
    def _ways(self) -> tuple[ProblemAggregate, ProblemAggregate]:
        first, second = (_WAYS[way](self.reward, self.k, right=self.right, **({"by": self.by} if way == "best_of_k" else {})) for way in self.between)
        return first, second

    def label(self, k: int) -> str:
        return "-".join(_SHORT[way].format(k) for way in self.between)

    def start(self) -> State:
        first, second = self._ways
        return State(Coverage(), _Two(first.start(), second.start()))

    def add(self, state: State, rows: Rows) -> None:
        for way, inner in zip(self._ways, state.sums.states):
            way.add(inner, rows)
        # A copy: a merge adds up each of the three.
        state.coverage = replace(max((inner.coverage for inner in state.sums.states), key=lambda coverage: coverage.left_out))

    def per_problem(self, state: State, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        first, second = (way.per_problem(inner, k) for way, inner in zip(self._ways, state.sums.states))
        keys, here, there = np.intersect1d(first[0], second[0], return_indices=True)
        return keys, first[1][here] - second[1][there], first[2]
