"""Rubric: ordered rewards with unique names; what is loaded from a file, trained on, scored offline, served and audited."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import field_validator

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser
from rl_rewards.pipeline.duplicates import firsts, spread
from rl_rewards.pipeline.runner import Job, run
from rl_rewards.reward import Reward, RewardError, gate_order
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe


@dataclass(slots=True)
class RewardColumn:
    """One reward's share of an evaluated batch of N samples.

    Attributes:
        reward: whose share it is.
        answers: N parsed answers; None where there was none, or where the reward does not apply.
        results: N results as the scorer gave them, made safe (finite scores, failures without a score).
        scores: N scores after clip, gate and `on_error`: what the trainer gets. None where there is none.
        clipped: how many scores the clip changed.
        seconds: wall time of the scorer.
        outcomes: N outcomes, of the results.
        failed: positions of the samples on which the reward itself failed.
    """

    reward: Reward
    answers: list[Any]
    results: list[EvaluateResult]
    scores: list[float | None]
    clipped: int
    seconds: float
    outcomes: list[Outcome] = field(init=False)
    failed: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.outcomes = [result.outcome for result in self.results]
        self.failed = [i for i, result in enumerate(self.results) if result.score is None and result.failed]


@dataclass(slots=True)
class RubricResult:
    """An evaluated batch: its samples, and a column for each reward by name."""

    samples: Sequence[Sample]
    columns: dict[str, RewardColumn]

    def totals(self) -> list[float | None]:
        """The weighted sum of each sample's scores, as TRL sums them: absent scores count nothing, a sample without any has no total."""
        totals: list[float | None] = [None] * len(self.samples)
        for column in self.columns.values():
            weight = column.reward.weight
            if weight == 0:
                continue
            for i, score in enumerate(column.scores):
                if score is not None:
                    totals[i] = (totals[i] or 0.0) + weight * score
        return totals


@configured
class Rubric:
    """Ordered rewards with unique names.

    Args:
        rewards: at least one Reward.
        max_error_rate: share of rows, over the last `error_window` batches, above which a failing reward stops training.
        error_window: batches that this share is taken over.
        warn_after: seconds after which a reward that still runs is named in a warning.

    Raises:
        pydantic.ValidationError: no rewards, two of one name, a gate that names no reward or forms a circle.
    """

    rewards: tuple[Reward, ...]
    max_error_rate: float = 0.8
    error_window: int = 10
    warn_after: float = 60.0

    @field_validator("rewards")
    @classmethod
    def _unique_names(cls, rewards: tuple[Reward, ...]) -> tuple[Reward, ...]:
        if not rewards:
            raise ValueError("a rubric needs at least one reward")
        names = [reward.name for reward in rewards]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"reward names must be unique, but {', '.join(map(repr, twice))} is there more than once among {names}")
        gate_order(rewards)
        return rewards

    @field_validator("max_error_rate")
    @classmethod
    def _a_share(cls, rate: float) -> float:
        if not 0 < rate <= 1:
            raise ValueError(f"max_error_rate is a share above 0 and up to 1, got {rate}")
        return rate

    @field_validator("error_window", "warn_after")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"must be above 0, got {value}")
        return value

    def __iter__(self) -> Iterator[Reward]:
        return iter(self.rewards)

    def __len__(self) -> int:
        return len(self.rewards)

    def __getitem__(self, name: str) -> Reward:
        for reward in self.rewards:
            if reward.name == name:
                return reward
        raise KeyError(f"no reward {name!r}; there are {[reward.name for reward in self.rewards]}")

    @property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that its rewards read."""
        return frozenset().union(*(reward.columns for reward in self.rewards))

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

    @cached_property
    def _parsers(self) -> list[Parser]:
        """The distinct parsers: rewards with equal ones share a parse."""
        parsers: list[Parser] = []
        for reward in self.rewards:
            if reward.reader not in parsers:
                parsers.append(reward.reader)
        return parsers

    def evaluate(self, samples: Sequence[Sample]) -> RubricResult:
        """Score a batch once, all rewards side by side.

        Args:
            samples: N samples.

        Returns:
            A column of N scores for each reward.

        Raises:
            RewardError: when a reward with `on_error: raise` failed on a sample.
        """
        parses = [_Parse(parser, samples) for parser in self._parsers]
        shares = [_Share(reward, samples, parses[self._parsers.index(reward.reader)]) for reward in self.rewards]
        run([share.job for share in shares], self.warn_after)
        columns = {share.reward.name: share.column() for share in shares}
        for index in gate_order(self.rewards):
            _apply_gate(columns, self.rewards[index])
        for column in columns.values():
            _apply_failure_policy(column, samples)
        return RubricResult(samples, columns)


class _Parse:
    """A parser's answers for the samples of a batch, each response parsed at most once."""

    def __init__(self, parser: Parser, samples: Sequence[Sample]) -> None:
        self._parser = parser
        self._samples = samples
        self._all: list[Any] | None = None
        self.errors: dict[int, str] = {}

    def answers(self) -> list[Any]:
        if self._all is None:
            try:
                self._all = self._parser.read_all(self._samples)
            except Exception:
                self._all = [self._one(i) for i in range(len(self._samples))]
        return self._all

    def _one(self, index: int) -> Any:
        try:
            return self._parser.read(self._samples[index])
        except Exception as error:
            self.errors[index] = describe(error)
            return None


class _Share:
    """One reward's way through a batch: which rows it scores, and the column they make."""

    def __init__(self, reward: Reward, samples: Sequence[Sample], parse: _Parse) -> None:
        self.reward = reward
        self._samples = samples
        self._rows: list[int] | None = None
        answers = self._answers = parse.answers()
        self._parse_errors = parse.errors
        if reward.when is not None or parse.errors:
            self._rows = [i for i, sample in enumerate(samples) if i not in parse.errors and reward.applies_to(sample.references)]
            samples, answers = [samples[i] for i in self._rows], [answers[i] for i in self._rows]
        self._places: list[int] | None = None
        if reward.score.pure and reward.score.per_sample:
            self._places = firsts(samples, answers)
            kept = sorted(set(self._places))
            samples, answers = [samples[i] for i in kept], [answers[i] for i in kept]
        self.job = Job(reward.name, reward.runs, samples, answers)

    def column(self) -> RewardColumn:
        reward, settle = self.reward, self.reward.settle
        results = [settle(result) for result in self.job.results]
        if self._places is not None:
            results = spread(results, self._places)
        answers = self._answers
        if self._rows is not None:
            scored = dict(zip(self._rows, results, strict=True))
            results = [scored.get(i) or self._unscored(i) for i in range(len(self._samples))]
            answers = [answer if i in scored else None for i, answer in enumerate(answers)]
        scores = [result.score for result in results]
        clipped = 0
        if reward.clip is not None:
            raw, scores = scores, [None if score is None else reward.clipped(score) for score in scores]
            clipped = sum(before != after for before, after in zip(raw, scores, strict=True))
        return RewardColumn(reward, answers, results, scores, clipped, self.job.seconds)

    def _unscored(self, row: int) -> EvaluateResult:
        if self.reward.applies_to(self._samples[row].references):
            return EvaluateResult.failure(Outcome.ERROR, f"the parser failed: {self._parse_errors[row]}")
        return EvaluateResult.skip("the reward's `when` does not select this row")


def _apply_gate(columns: dict[str, RewardColumn], reward: Reward) -> None:
    """GDPO (2601.05242) eq. 8: the score where the deciding reward reached its threshold, else 0; none where that one has none."""
    decides, scores = columns[reward.gate.reward].scores, columns[reward.name].scores
    for i, decision in enumerate(decides):
        if scores[i] is not None:
            scores[i] = None if decision is None else scores[i] if decision >= reward.gate.at_least else 0.0


def _apply_failure_policy(column: RewardColumn, samples: Sequence[Sample]) -> None:
    policy = column.reward.on_error
    if policy == "skip":
        return
    for i, result in enumerate(column.results):
        if result.failed:
            if policy == "raise":
                raise RewardError(f"reward {column.reward.name!r} failed with outcome {result.outcome.value!r}: {result.error}; on {samples[i]!r}")
            column.scores[i] = policy
