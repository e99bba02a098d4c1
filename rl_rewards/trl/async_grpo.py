"""A rubric's curves in TRL's AsyncGRPOTrainer, which scores in a child process without log hooks.

    trainer = AsyncGRPOTrainer(model, reward_funcs=[total_reward_function(rubric, record=recorder.record)], ...)
    log_components(trainer)

Written to TRL 1.16: `_AsyncRolloutLoop._score_group` calls each reward function with one group, in a thread, and sums what they return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trl.experimental.async_grpo.async_rollout_worker import AsyncRolloutWorker, RolloutGroup, RolloutSample, _AsyncRolloutLoop

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.trl.functions import TotalRewardFunction
from rl_rewards.types.components import component_score

__all__ = ["RubricRolloutLoop", "RubricRolloutWorker", "log_components"]


class RubricRolloutLoop(_AsyncRolloutLoop):
    """TRL's rollout loop, with `rewards/<name>` and components of every reward of a rubric among each sample's metrics.

    The record's `step` is the version of the policy that wrote the group: with weight_sync_steps 1 the step that its weights were made for.
    """

    async def _score_group(self, group: RolloutGroup) -> list[RolloutSample]:
        totals = [function for function in self.reward_funcs if isinstance(function, TotalRewardFunction)]
        for function in totals:
            function.step = max(group.model_version - 1, 0)  # the first weights are version 1, and used in step 1, after step 0
        samples = await super()._score_group(group)
        for function in totals:
            if function.evaluation is not None:
                self._add_metrics(samples, group, row_metrics(function.evaluation))
        return samples

    @staticmethod
    def _add_metrics(samples: Sequence[RolloutSample], group: RolloutGroup, metrics: Sequence[dict[str, float]]) -> None:
        """Give every training row of a conversation the conversation's metrics."""
        rows = iter(samples)
        for numbers, sequences in zip(metrics, group.completions_sequences, strict=True):
            for _ in sequences:
                next(rows).metrics.update(numbers)


class RubricRolloutWorker(AsyncRolloutWorker):
    """AsyncGRPOTrainer's rollout worker with the loop above: `AsyncGRPOTrainer(rollout_worker=RubricRolloutWorker(...))`."""

    _loop_cls = RubricRolloutLoop


def log_components(trainer: Any) -> None:
    """Have a trainer that has made its own rollout worker log `rewards/<name>` of each reward; before `train`.

    Raises:
        TypeError: when its worker is not TRL's own.
    """
    worker = getattr(trainer, "rollout_worker", None)
    if worker is None:  # a process other than the main one
        return
    if not isinstance(worker, AsyncRolloutWorker) or worker._loop_cls not in (_AsyncRolloutLoop, RubricRolloutLoop):
        raise TypeError(
            f"the trainer's rollout worker must be TRL's AsyncRolloutWorker, got {type(worker).__name__}; derive its loop from RubricRolloutLoop"
        )
    worker._loop_cls = RubricRolloutLoop


def row_metrics(evaluation: Evaluation) -> list[dict[str, float]]:
    """For each of N rows every reward's score (NaN where there is none, which TRL leaves out of means) and its components."""
    rows: list[dict[str, float]] = [{} for _ in evaluation.samples]
    for name, column in evaluation.columns.items():
        for row, score, result in zip(rows, evaluation.scores(name), column.results, strict=True):
            row[f"rewards/{name}"] = float("nan") if score is None else score
            for key, component in result.metrics.items():
                if (value := component_score(component)) is not None:
                    row[f"rewards/{name}/components/{key}"] = value
    for row, scorable in zip(rows, evaluation.scorable, strict=True):
        row["rewards/unscorable_rate"] = float(not scorable)
    return rows
