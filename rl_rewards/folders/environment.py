"""Variables that a folder's code may see in its worker, which has none of the caller's otherwise."""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.rubric import Rubric
from rl_rewards.runtime.workers.server_link import IN_WORKER
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult

__all__ = ["with_environment"]


class InEnvironment(Scorer):
    """A scorer of single samples that sees more variables than its worker's own, where it is isolated."""

    def __init__(self, scorer: Scorer, environment: Mapping[str, str]) -> None:
        self.scorer = scorer
        self._environment = dict(environment)

    @property
    def traits(self) -> Traits:
        return self.scorer.traits

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> Sequence[EvaluateResult]:
        return self.scorer.score(samples, answers)

    def __reduce__(self) -> Any:
        return _in_environment, (self._environment, pickle.dumps(self.scorer))


def _in_environment(environment: dict[str, str], scorer: bytes) -> InEnvironment:
    """In a worker: the variables are there before the scorer's code is imported, and what it prints is not the caller's output."""
    if IN_WORKER in os.environ:
        os.environ.update(environment)
        os.dup2(2, 1)
    return InEnvironment(pickle.loads(scorer), environment)


def with_environment(rubric: Rubric, environment: Mapping[str, str]) -> Rubric:
    """The same rubric, whose rewards of single samples see these variables in their workers."""
    rewards = [
        dataclasses.replace(reward, score=InEnvironment(reward.score, environment))
        if reward.score.traits.per_sample and not reward.score.traits.rewards
        else reward
        for reward in rubric
    ]
    return dataclasses.replace(rubric, rewards=tuple(rewards))
