"""How long each sample took in each reward: measured where it is scored, in a worker process too."""

from __future__ import annotations

import dataclasses
import os
import pickle
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.runtime.workers.server_link import IN_WORKER
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, Outcome

__all__ = ["take_seconds", "timed"]

_SECONDS = "seconds of this sample"  # travels as a component, and is taken out before anyone sees it


class Timed(Scorer):
    """A scorer of single samples that says how long each took.

    Args:
        scorer: what scores.
        environment: variables that it sees beside its worker's own, where it is isolated.
    """

    def __init__(self, scorer: Scorer, environment: Mapping[str, str] | None = None) -> None:
        self.scorer = scorer
        self._environment = dict(environment or {})

    @property
    def traits(self) -> Traits:
        return self.scorer.traits

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> list[EvaluateResult]:
        results = []
        for sample, answer in zip(samples, answers, strict=True):
            start = time.perf_counter()
            [result] = self.scorer.score([sample], [answer])
            seconds = time.perf_counter() - start
            if isinstance(result, EvaluateResult) and isinstance(result.metrics, dict):
                result.metrics = {**result.metrics, _SECONDS: seconds}
            results.append(result)
        return results

    def __reduce__(self) -> Any:
        return _timed_in, (self._environment, pickle.dumps(self.scorer))


def _timed_in(environment: dict[str, str], scorer: bytes) -> Timed:
    """In a worker: the variables are there before the scorer's code is imported, and what it prints is not the caller's output."""
    if IN_WORKER in os.environ:
        os.environ.update(environment)
        os.dup2(2, 1)
    return Timed(pickle.loads(scorer), environment)


def timed(rubric: Rubric, environment: Mapping[str, str] | None = None) -> Rubric:
    """The same rubric, whose evaluations `take_seconds` can read; of rewards that score one sample at a time."""

    def is_timed(traits: Traits) -> bool:
        return traits.per_sample and not traits.rewards and not traits.calls_server

    rewards = [
        dataclasses.replace(reward, score=Timed(reward.score, environment))
        if reward.score.traits.per_sample and not reward.score.traits.rewards
        else reward
        for reward in rubric
    ]
    return dataclasses.replace(rubric, rewards=tuple(rewards))


def take_seconds(evaluation: Evaluation) -> dict[str, list[float | None]]:
    """Reward -> seconds that each sample took, taken out of the results; the deadline where it passed; None where it is not known."""
    seconds: dict[str, list[float | None]] = {}
    for name, column in evaluation.columns.items():
        seconds[name] = [
            result.metrics.pop(_SECONDS, column.reward.timeout if result.outcome is Outcome.TIMEOUT else None) for result in column.results
        ]
    return seconds
