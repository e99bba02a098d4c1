"""Rubric: ordered rewards with unique names; what is loaded from a file, trained on, scored offline, served and audited."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, InstanceOf, ValidationInfo, field_validator

from rl_rewards.aggregates import Aggregate, aggregate
from rl_rewards.aggregates.base import AggregateError
from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.pipeline.failure_log import FailureLog
from rl_rewards.pipeline.order import evaluation_order
from rl_rewards.pipeline.parsing import Parse
from rl_rewards.pipeline.policies import finished_columns
from rl_rewards.pipeline.runner import run_jobs
from rl_rewards.pipeline.share import Share
from rl_rewards.reward import Reward
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["Rubric"]


if TYPE_CHECKING:
    from rl_rewards.configured import Converted

    _RewardsOption = Converted[tuple[Reward, ...], Sequence[Reward]]
    _AggregatesOption = Converted[tuple[Aggregate, ...], Sequence[Aggregate | Mapping[str, Any]]]
else:
    _RewardsOption = tuple[Reward, ...]
    _AggregatesOption = tuple[Annotated[InstanceOf[Aggregate], BeforeValidator(aggregate)], ...]


@configured
class Rubric:
    """Ordered rewards with unique names: what a trainer trains on, and what scores samples anywhere else.

    Args:
        rewards: at least one Reward.
        max_error_rate: share of the rows with an answer, over the last `error_window` batches, above which a failing reward stops training.
        error_window: batches that this share is taken over, of those in which the reward scored something.
        error_min_rows: rows that this share is taken over at least.
        warn_after: seconds after which a reward that still runs is named in a warning.
        unhandled: whether rows that `when` routes to no reward are refused before training (error), or taken as they are (allow).
        aggregates: numbers over a whole evaluation, such as pass@k: {pass_at_k: {reward: correct, k: [1, 4, 8]}}; every reward has its mean.

    Raises:
        pydantic.ValidationError: no rewards, two of one name, a gate that names no reward or forms a circle, an aggregate of no reward.

    Example:
        GRPOTrainer(model, reward_funcs=rubric.reward_funcs, args=GRPOConfig(reward_weights=rubric.reward_weights), ...)

        >>> rubric = Rubric([Reward("brief", {"length_window": {"min_tokens": 1, "max_tokens": 3, "unit": "words"}})])
        >>> evaluation = rubric.evaluate([Sample.from_row({"prompt": "Well?", "completion": text}) for text in ("Very well.", "I do not know.")])
        >>> evaluation.scores("brief"), evaluation.columns["brief"].results[1].reason
        ([1.0, 0.0], '4 words')
    """

    rewards: _RewardsOption
    max_error_rate: float = 0.8
    error_window: int = 10
    error_min_rows: int = 32
    warn_after: float = 60.0
    unhandled: Literal["error", "allow"] = "error"
    aggregates: _AggregatesOption = ()  # pyright: ignore[reportAssignmentType]

    @field_validator("rewards")
    @classmethod
    def _unique_names(cls, rewards: tuple[Reward, ...]) -> tuple[Reward, ...]:
        if not rewards:
            raise ValueError("a rubric needs at least one reward")
        names = [reward.name for reward in rewards]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"reward names must be unique, but {', '.join(map(repr, twice))} is there more than once among {names}")
        evaluation_order(rewards)
        return rewards

    @field_validator("aggregates")
    @classmethod
    def _of_rewards(cls, aggregates: tuple[Aggregate, ...], info: ValidationInfo) -> tuple[Aggregate, ...]:
        rewards = {reward.name: reward for reward in info.data.get("rewards", ())}
        seen: set[tuple[str, str | None, type]] = set()
        for i, each in enumerate(aggregates if rewards else ()):
            try:
                each.check(rewards)
            except ValueError as error:
                raise AggregateError(str(error), i) from None
            key = (each.reward, each.name, type(each))
            if key in seen:
                raise AggregateError(f"two aggregates of one kind over the reward {each.reward!r} must have different names (name: ...)", i)
            seen.add(key)
        return aggregates

    @field_validator("max_error_rate")
    @classmethod
    def _a_share(cls, rate: float) -> float:
        if not 0 < rate <= 1:
            raise ValueError(f"max_error_rate is a share above 0 and up to 1, got {rate}")
        return rate

    @field_validator("error_window", "error_min_rows", "warn_after")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"must be above 0, got {value}")
        return value

    @property
    def __name__(self) -> str:
        # A trainer asks its reward functions for their name when it is made: the right moment to say so.
        raise TypeError("a Rubric is several reward functions: pass reward_funcs=rubric.reward_funcs and reward_weights=rubric.reward_weights")

    def __iter__(self) -> Iterator[Reward]:
        return iter(self.rewards)

    def __len__(self) -> int:
        return len(self.rewards)

    def __getitem__(self, name: str) -> Reward:
        for reward in self.rewards:
            if reward.name == name:
                return reward
        raise KeyError(f"no reward {name!r}; there are {[reward.name for reward in self.rewards]}")

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that its rewards read."""
        return frozenset().union(*(reward.columns for reward in self.rewards))

    @property
    def aggregate_columns(self) -> frozenset[str]:
        """Names of the columns that its aggregates read, of data that is evaluated; a label that is a reward's name is no column."""
        return frozenset().union(*(each.columns for each in self.aggregates)) - {reward.name for reward in self.rewards}

    @property
    def reward_funcs(self) -> list[Any]:
        """One TRL reward function per reward, in order, named after it: `GRPOTrainer(reward_funcs=rubric.reward_funcs)`.

        They share one evaluation of each batch. Each access makes a new set, which may serve one trainer.
        """
        from rl_rewards.trl import reward_functions  # at the edge: only a trainer's call leads there

        return reward_functions(self)

    @property
    def reward_weights(self) -> list[float]:
        """The rewards' weights, in order: `GRPOConfig(reward_weights=rubric.reward_weights)`."""
        return [reward.weight for reward in self.rewards]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a rubric file that loads back equal."""
        from rl_rewards.rubric_files.native import save  # files build rubrics, so this one arrow up is taken at call time

        save(self, path)

    def _repr_html_(self) -> str:
        from rl_rewards.rubric_files.notebook import rubric_html  # in the words of a rubric file

        return rubric_html(self)

    def check(self, trainer: Any) -> None:
        """Check a trainer, its configuration and its datasets against this rubric before anything is generated: `rubric.check(trainer)`.

        Raises:
            RewardError: weights that are not the rubric's, two functions of one name, batches that split groups.
            RubricDataError: columns that are missing, rows that no reward handles.
        """
        from rl_rewards.trl import check_run  # at the edge, as above

        check_run(self, trainer)

    def as_reward_func(self) -> Any:
        """One reward function that returns the weighted total of each row: for trainers without reward weights, such as AsyncGRPOTrainer.

        A row that no weighted reward scores, or on which one failed, has None.
        """
        from rl_rewards.trl import total_reward_function  # at the edge, as above

        return total_reward_function(self)

    @cached_property
    def _parsers(self) -> list[Parser]:
        """The distinct parsers: rewards with equal ones share a parse."""
        parsers: list[Parser] = []
        for reward in self.rewards:
            if reward.reader not in parsers:
                parsers.append(reward.reader)
        return parsers

    @cached_property
    def _order(self) -> list[Reward]:
        return evaluation_order(self.rewards)

    def evaluate(self, samples: Sequence[Sample], scored: Mapping[str, Sequence[EvaluateResult]] | None = None) -> Evaluation:
        """Score a batch once, all rewards side by side.

        Args:
            samples: N samples.
            scored: what `score_rewards` found for some of the rewards, which are not scored again.

        Returns:
            A column of N scores for each reward.

        Raises:
            RewardError: when a reward with `on_error: raise` failed on a sample; raised from what its scorer raised.
        """
        shares = self._shares(samples)
        for name, results in (scored or {}).items():
            shares[name].job.results = results
        run_jobs([share.job for name, share in shares.items() if not share.combines and name not in (scored or {})], self.warn_after)
        return Evaluation(samples, finished_columns(shares, self._order, samples, self._failure_log))

    def score_rewards(self, samples: Sequence[Sample], names: Collection[str]) -> dict[str, Sequence[EvaluateResult]]:
        """Score a batch by some of the rewards, side by side, for an `evaluate` of the same samples in another process.

        Args:
            names: rewards that are not computed from others.

        Returns:
            By reward the results of those samples that it scores, picklable.
        """
        return {name: share.job.results for name, share in self._run(samples, names).items()}

    def score_rows(self, samples: Sequence[Sample], names: Collection[str]) -> dict[str, list[EvaluateResult | None]]:
        """Score whole groups by some of the rewards that compare their completions, for an `evaluate` of the same samples in other batches.

        Args:
            names: rewards that need groups, and are not computed from others.

        Returns:
            By reward a result for each sample; None for one that it does not score. Without None they are what `evaluate` takes.
        """
        return {name: share.by_row() for name, share in self._run(samples, names).items()}

    def _run(self, samples: Sequence[Sample], names: Collection[str]) -> dict[str, Share]:
        shares = {name: share for name, share in self._shares(samples).items() if name in names and not share.combines}
        run_jobs([share.job for share in shares.values()], self.warn_after)
        return shares

    def _shares(self, samples: Sequence[Sample]) -> dict[str, Share]:
        parses = [Parse(parser, samples) for parser in self._parsers]
        return {reward.name: Share(reward, samples, parses[self._parsers.index(reward.reader)]) for reward in self.rewards}

    async def aevaluate(self, samples: Sequence[Sample]) -> Evaluation:
        """Score a batch as `evaluate` does, in a thread: for servers and asynchronous trainers, whose event loop goes on meanwhile."""
        return await asyncio.to_thread(self.evaluate, samples)

    @cached_property
    def _failure_log(self) -> FailureLog:
        return FailureLog()
