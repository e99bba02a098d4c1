"""Reward: name + parser + scorer + weight, with its clip, gate, routing and failure policy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, InstanceOf, field_validator

from rl_rewards.configured import configured
from rl_rewards.parsers import parser
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.identity import Identity
from rl_rewards.scorers import scorer
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.isolated import Isolated
from rl_rewards.types import EvaluateResult, MetricResult, Outcome

# Names become metric keys, table columns and file fields: a slash would open a second level under `rewards/`.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class RewardError(RuntimeError):
    """A reward failed and must not be trained on: `on_error: raise`, or too many failures."""


@configured
class Gate:
    """The reward counts only where another one reached a threshold; elsewhere it is 0 (conditioned reward, GDPO, 2601.05242 eq. 8)."""

    reward: str
    """Name of the reward that decides."""
    at_least: float = 1.0
    """Threshold on that reward's score, after its own clip and gate."""


@configured
class Reward:
    """A named score of a response.

    Works alone (`reward_funcs=[my_reward]`) or as part of a Rubric. `runs` is what scores a batch: the scorer, isolated where asked for.

    Raises:
        pydantic.ValidationError: when an option is wrong; the message names it and what is allowed.
    """

    name: str
    """Unique name: the key of its metrics and columns."""
    score: Annotated[InstanceOf[Scorer], BeforeValidator(scorer)]
    """Scorer, or its spelling in a rubric file: {string_match: {equals: ...}}."""
    parse: Annotated[InstanceOf[Parser], BeforeValidator(parser)] = field(default_factory=Identity)
    """Parser, or its spelling in a rubric file: {tag: answer}; by default all that the response says behind its thinking."""
    weight: float = 1.0
    """Weight in the total; 0 makes it a metric: logged, never trained on."""
    clip: tuple[float, float] | None = None
    """Lowest and highest score; what lies outside is clipped and counted."""
    on_error: Literal["skip", "raise"] | float = "skip"
    """What the trainer gets where the reward itself failed: nothing (skip), an exception (raise) or a fixed number."""
    when: dict[str, Any] | None = None
    """Which rows it applies to: {column: value or list of values}; other rows are skipped."""
    gate: Gate | None = None
    """Count only where another reward reached a threshold."""
    isolate: bool = False
    """Score in worker processes that are killed when they hang, crash or use too much memory."""
    timeout: float | None = None
    """With isolate: seconds that one sample may take, 5 by default."""
    memory_mb: int | None = None
    """With isolate: what a worker may allocate, in MiB, 1024 by default."""

    def __post_init__(self) -> None:
        isolate = self.isolate or getattr(self.score, "isolate", False)
        limits = {name: getattr(self, name) or getattr(self.score, name, None) for name in ("timeout", "memory_mb")}
        limits = {name: value for name, value in limits.items() if value is not None}
        if not isolate and (self.timeout or self.memory_mb):
            raise ValueError("timeout and memory_mb need `isolate: true`: what runs in the trainer's own process cannot be stopped")
        # Made here, so that a scorer that cannot be sent to another process is refused now and not at the first step.
        object.__setattr__(self, "runs", Isolated(self.score, **limits) if isolate else self.score)

    @cached_property
    def reader(self) -> Parser:
        """The parser at work: `parse`, but where that takes all of the response, the scorer says whether the thinking is part of it."""
        return Identity(thinking="keep") if self.parse == Identity() and self.score.reads_thinking else self.parse

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a reward's name is letters, digits, '_', '-' and '.', got {name!r}")
        return name

    @field_validator("clip")
    @classmethod
    def _ordered_clip(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and clip[0] >= clip[1]:
            raise ValueError(f"clip must be [lowest, highest] with lowest < highest, got {list(clip)}")
        return clip

    @field_validator("when")
    @classmethod
    def _some_values(cls, when: dict[str, Any] | None) -> dict[str, Any] | None:
        for column, values in (when or {}).items():
            if values is None or values == []:
                raise ValueError(f"when: column {column!r} needs a value or a list of values, got {values!r}")
        return when or None

    def applies_to(self, references: Mapping[str, Any]) -> bool:
        """Whether a row with these columns is this reward's to score."""
        return self.when is None or all(
            references.get(column) in (values if isinstance(values, list) else [values]) for column, values in self.when.items()
        )

    @property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that it reads."""
        return self.score.columns | frozenset(self.when or ())

    def settle(self, result: Any) -> EvaluateResult:
        """One scorer's result, made safe to train on: NaN, infinities, wrong types and self-declared invalid scores become failures."""
        if result.__class__ is not EvaluateResult:
            return EvaluateResult.failure(Outcome.ERROR, f"a scorer returns EvaluateResults, got {type(result).__name__}: {result!r:.80}")
        score = result.score
        if score is None:
            return result
        if score.__class__ is not float:
            score = _as_float(score)
            if score is None:
                return EvaluateResult.failure(Outcome.ERROR, f"a score is a number, got {type(result.score).__name__}: {result.score!r:.80}")
            result.score = score
        if not math.isfinite(score):
            return EvaluateResult.failure(Outcome.ERROR, f"a score is finite, got {score}")
        if not result.is_score_valid:
            failure = EvaluateResult.failure(Outcome.ERROR, result.error or result.reason or "the scorer says that its score is not valid")
            failure.metrics = result.metrics
            return failure
        return result

    def clipped(self, score: float) -> float:
        """A score within the clip."""
        return score if self.clip is None else min(max(score, self.clip[0]), self.clip[1])

    def __call__(self, prompts: Any = None, completions: Any = None, **columns: Any) -> list[float | None]:
        """Score a trainer's batch: a reward alone is a rubric of one."""
        return self._alone(prompts=prompts, completions=completions, **columns)

    @cached_property
    def _alone(self) -> Any:
        """This reward as a TRL reward function, as a rubric of one."""
        from rl_rewards.rubric import Rubric  # only a trainer's call leads up there

        return Rubric((self,)).reward_funcs[0]

    @property
    def __name__(self) -> str:
        return self.name


def _as_float(score: Any) -> float | None:
    """A float from ints, bools, numpy scalars and 0-d tensors; None for strings and everything else."""
    if isinstance(score, (str, bytes)) or not hasattr(score, "__float__"):
        return None
    try:
        return float(score)
    except (TypeError, ValueError, OverflowError):
        return None


def component_scores(results: Sequence[EvaluateResult]) -> dict[str, list[float]]:
    """Finite component values by name, over results; invalid components are left out."""
    found: dict[str, list[float]] = {}
    for result in results:
        for name, metric in result.metrics.items():
            value = component_score(metric)
            if value is not None:
                found.setdefault(name, []).append(value)
    return found


def component_score(metric: Any) -> float | None:
    """A component's number; None when it is not valid, not finite or not a number."""
    if isinstance(metric, MetricResult):
        if not metric.is_score_valid:
            return None
        metric = metric.score
    value = _as_float(metric)
    return value if value is not None and math.isfinite(value) else None


def gate_order(rewards: Sequence[Reward]) -> list[int]:
    """Positions of the gated rewards, each after the one that decides it.

    Raises:
        ValueError: when a gate names an unknown reward, itself, or one that in turn waits for it.
    """
    position = {reward.name: i for i, reward in enumerate(rewards)}
    for reward in rewards:
        seen = [reward.name]
        gate = reward.gate
        while gate is not None:
            if gate.reward not in position:
                raise ValueError(f"reward {seen[-1]!r} is gated by {gate.reward!r}, which does not exist; there are {sorted(position)}")
            if gate.reward in seen:
                raise ValueError(f"gates form a circle: {' -> '.join([*seen, gate.reward])}")
            seen.append(gate.reward)
            gate = rewards[position[gate.reward]].gate

    def depth(index: int) -> int:
        gate = rewards[index].gate
        return 0 if gate is None else 1 + depth(position[gate.reward])

    return sorted((i for i, reward in enumerate(rewards) if reward.gate is not None), key=depth)
