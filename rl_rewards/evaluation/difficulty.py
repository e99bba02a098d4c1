"""The difficulty filter: rows of the prompts that are neither always right nor always wrong."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np

from rl_rewards.aggregates.base import Rows, State
from rl_rewards.aggregates.problems import ProblemAggregate, problem_keys
from rl_rewards.aggregates.solved import Solved
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.user_errors import UserError

__all__ = ["KeepError", "MixedFilter"]


class KeepError(UserError, ValueError):
    """A filter that names no reward, or leaves open which one is meant."""


class MixedFilter:
    """Finds the mixed prompts of a reward: some completion is right, and some is not. Memory: 8 bytes a row, 24 a prompt.

    Args:
        rubric: the rubric.
        reward: the reward whose score says what is right; by default the one that the rubric's aggregates of problems are over, else the
            only weighted one.
        right: the score from which on a completion is right; by default that of such an aggregate, else 1.

    Raises:
        KeepError: when there is no such reward, or no default.
    """

    def __init__(self, rubric: Rubric, reward: str | None = None, right: float | None = None) -> None:
        ofproblems = [each for each in rubric.aggregates if isinstance(each, (ProblemAggregate, Solved))]
        names = {each.reward: each.right for each in ofproblems}
        candidates = list(names) or [each.name for each in rubric if each.weight != 0]
        rewards = {each.name: each for each in rubric}
        if reward is None:
            if len(candidates) != 1:
                raise KeepError(f"which reward says what is right must be given, as in mixed:{next(iter(rewards))}; there are {', '.join(rewards)}")
            reward = candidates[0]
        _check(reward, rewards)
        self.reward = reward
        self._solved = Solved(reward, names.get(reward, 1.0) if right is None else right)
        self._state = self._solved.start()
        self._keys: list[np.ndarray] = []

    def add(self, evaluation: Evaluation) -> None:
        """Count a batch's rows, in the order in which they are written."""
        keys = problem_keys(evaluation.samples)
        self._keys.append(keys)
        self._solved.add(self._state, Rows(evaluation, keys, range(len(keys))))

    @property
    def state(self) -> tuple[list[np.ndarray], State]:
        """All that was counted, picklable, for `merge_state` of an equal filter."""
        return self._keys, self._state

    def merge_state(self, state: tuple[list[np.ndarray], State]) -> None:
        """Add the rows of another filter's `state`, which follow this one's."""
        keys, counted = state
        self._keys += keys
        self._state.merge(counted)

    @property
    def keep(self) -> np.ndarray:
        """For each row whether its prompt is mixed, shape (N,); a failed row of a mixed prompt is kept."""
        return np.isin(np.concatenate(self._keys), self._solved.mixed(self._state)) if self._keys else np.empty(0, bool)

    def describe(self) -> str:
        """What was kept, and why the other prompts were not."""
        _, counts = self._state.sums.rows()
        alone, always, never = (int(each.sum()) for each in (counts[:, 0] == 1, counts[:, 0] == counts[:, 1], counts[:, 1] == 0))
        kept = len(counts) - always - never
        single = f"; {alone} have one scored completion only" if alone else ""
        return f"kept {kept} of {len(counts)} prompts by {self.reward!r}: {always} are always right, {never} never{single}"


def _check(reward: str, rewards: Mapping[str, object]) -> None:
    if reward not in rewards:
        near = get_close_matches(reward, rewards, n=1)
        raise KeepError(
            f"a filter must name a reward, got {reward!r}; there are {', '.join(rewards)}{f'; did you mean {near[0]!r}?' if near else ''}"
        )
