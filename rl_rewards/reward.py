"""Reward: name + parser + scorer + weight, with its clip, gate, routing and failure policy."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, InstanceOf, field_validator

from rl_rewards.addresses import address
from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.parsers import parser
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.identity import Identity
from rl_rewards.scorers import scorer
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.isolated import Isolated
from rl_rewards.tool_calls import names_tool_call, value_in_calls
from rl_rewards.types import EvaluateResult, Outcome, Sample
from rl_rewards.types.components import as_float, wrong_field
from rl_rewards.user_errors import UserError

__all__ = ["LARGEST_SCORE", "Gate", "Reward", "RewardError"]

_SCORED = Outcome.SCORED  # looked up once: enum members are slow to reach
# Names become metric keys, table columns and file fields: a slash would open a second level under `rewards/`.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# The trainer computes in float32: sums over a batch of squares of scores and of weighted scores stay below its largest number, 3.4e38.
LARGEST_SCORE = 1e17


class RewardError(UserError, RuntimeError):
    """A reward failed and must not be trained on: `on_error: raise`, or too many failures.

    Args:
        reason: what happened.
        reward, row, sample: where one row is the cause, the reward's name, its place in the batch, and the sample, which the message shows.
    """

    def __init__(self, reason: str, reward: str | None = None, row: int | None = None, sample: Sample | None = None) -> None:
        super().__init__(reason if sample is None else f"{reason}; on {sample!r}")
        self.reason, self.reward, self.row = reason, reward, row


if TYPE_CHECKING:
    from rl_rewards.configured import Converted

    _Spec = str | Mapping[str, Any]
    _ScorerOption = Converted[Scorer, Scorer | _Spec]
    _ParserOption = Converted[Parser, Parser | _Spec | Sequence[Parser | _Spec]]
else:
    _ScorerOption = Annotated[InstanceOf[Scorer], BeforeValidator(scorer)]
    _ParserOption = Annotated[InstanceOf[Parser], BeforeValidator(parser)]


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

    Works alone (`reward_funcs=[my_reward]`) or as part of a Rubric. Called as a reward function it takes N prompts and N completions (strings,
    or lists of messages) and the dataset's columns, and returns N floats, None where there is no score.

    Raises:
        pydantic.ValidationError: when an option is wrong; the message names it and what is allowed.

    Example:
        >>> correct = Reward("correct", score={"string_match": {"equals": "{{references.answer}}"}}, parse={"tag": "answer"})
        >>> correct(prompts=["1 + 1?", "2 + 2?"], completions=["<answer>2</answer>", "five"], answer=["2", "4"])
        [1.0, 0.0]
    """

    name: str
    """Unique name: the key of its metrics and columns."""
    score: _ScorerOption
    """Scorer, or its spelling in a rubric file: {string_match: {equals: ...}}."""
    parse: _ParserOption = field(default_factory=Identity)  # pyright: ignore[reportAssignmentType]
    """Parser, or its spelling in a rubric file: {tag: answer}; by default all that the response says behind its thinking."""
    weight: float = 1.0
    """Weight in the total; 0 makes it a metric: logged, never trained on."""
    clip: tuple[float, float] | None = None
    """Lowest and highest score; what lies outside is clipped and counted."""
    on_error: Literal["skip", "raise"] | float = "skip"
    """What the trainer gets where the reward itself failed: nothing (skip), an exception (raise) or a fixed number."""
    when: dict[str, Any] | None = None
    """Which rows it applies to: {column: value or list of values}; other rows are skipped. A tool call of the completion is addressed as
    {"tool_calls[0].name": weather}."""
    gate: Gate | None = None
    """Count only where another reward reached a threshold."""
    isolate: bool = False
    """Score in worker processes that are killed when they hang, crash or use too much memory."""
    timeout: float | None = None
    """With isolate: seconds that one sample may take, 5 by default."""
    memory_mb: int | None = None
    """With isolate: what a worker may allocate, in MiB, 1024 by default."""

    def __post_init__(self) -> None:
        if abs(self.weight) > LARGEST_SCORE:
            raise ValueError(f"weight must be at most {LARGEST_SCORE:g} in size: the trainer squares it in float32, got {self.weight:g}")
        for option, values in {"clip": self.clip or (), "on_error": (self.on_error,)}.items():
            for value in values:
                if isinstance(value, float) and abs(value) > self._largest:
                    raise ValueError(f"{option} must be {self._range(value)}, got {value:g}")
        traits = self.score.traits
        if traits.rewards:
            if type(self.score).combine is Scorer.combine:
                raise ValueError(f"{type(self.score).__name__} must hold a scorer of its own, not one that is computed from other rewards")
            if self.isolate:
                raise ValueError("isolate must be left out: a reward that is computed from other rewards' scores runs no code that could hang")
        isolate = self.isolate or traits.isolate
        own = {name: getattr(self, name) for name in ("timeout", "memory_mb")}
        limits = {name: getattr(traits, name) if value is None else value for name, value in own.items()}
        limits = {name: value for name, value in limits.items() if value is not None}
        if not isolate and any(value is not None for value in own.values()):
            raise ValueError("timeout and memory_mb need `isolate: true`: what runs in the trainer's own process cannot be stopped")
        # Made here, so that a scorer that cannot be sent to another process is refused now and not at the first step.
        object.__setattr__(self, "runs", Isolated(self.score, **limits) if isolate else self.score)

    runs: ClassVar[Scorer]
    """What scores a batch: `score`, isolated where asked for."""

    @cached_property
    def reader(self) -> Parser:
        """The parser at work: `parse`, but where that takes all of the response, the scorer says whether the thinking is part of it."""
        return Identity(thinking="keep") if self.parse == Identity() and self.score.traits.reads_thinking else self.parse

    @cached_property
    def reads_answer(self) -> bool:
        """Whether responses are parsed for it: its scorer reads the answer, or it has a parser of its own."""
        return self.score.traits.reads_answer or self.parse != Identity()

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
            if names_tool_call(column):
                address(column)
        return when or None

    def applies_to(self, references: Mapping[str, Any]) -> bool:
        """Whether a row with these columns is this reward's to score, as far as its columns say."""
        return self.when is None or all(references.get(column) in _listed(values) for column, values in self._routes(of_calls=False))

    def selects(self, sample: Sample) -> bool:
        """Whether a sample is this reward's to score: its row by the columns, its completion by the tool calls that `when` names."""
        if not self.applies_to(sample.references):
            return False
        routes = self._routes(of_calls=True)
        return not routes or all(value_in_calls(sample, place) in _listed(values) for place, values in routes)

    def _routes(self, of_calls: bool) -> list[tuple[str, Any]]:
        return [(key, values) for key, values in (self.when or {}).items() if names_tool_call(key) is of_calls]

    @property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that it reads."""
        return self.score.traits.columns | frozenset(column for column, _ in self._routes(of_calls=False))

    def checked(self, result: Any) -> EvaluateResult:
        """One scorer's result, made safe to train on and to log: whatever is not a usable number is a failure with its reason.

        NaN, infinities, wrong types, self-declared invalid scores, and numbers that the trainer's float32 arithmetic cannot square
        become failures; so do fields of a wrong type, such as metrics that are no mapping, and outcomes that contradict the score.
        """
        return self.all_checked([result])[0]

    def all_checked(self, results: Sequence[Any]) -> list[EvaluateResult]:
        """`checked` of each."""
        largest = self._largest
        return [
            result
            # by far the most common form, so it is decided first and here, without a call
            if (
                result.__class__ is EvaluateResult
                and result.score.__class__ is float
                and result.outcome is _SCORED
                and result.error is None
                and (result.reason.__class__ is str or result.reason is None)
                and result.metrics.__class__ is dict
                and not result.metrics
                and result.is_score_valid is True
                and -largest <= result.score <= largest
            )
            else self._checked(result)
            for result in results
        ]

    def _checked(self, result: Any) -> EvaluateResult:
        try:
            checked = self._usable(result)
        except Exception as error:  # a value of the user's own class may raise wherever it is touched
            checked = failure_of(error)
        if checked is not result and result.__class__ is EvaluateResult:
            checked.seconds = result.seconds
        return checked

    def _usable(self, result: Any) -> EvaluateResult:
        if result.__class__ is not EvaluateResult:
            return EvaluateResult.failure(Outcome.ERROR, f"a scorer must return EvaluateResults, got {type(result).__name__}: {result!r:.80}")
        if (wrong := wrong_field(result)) is not None:
            return EvaluateResult.failure(Outcome.ERROR, wrong)
        score, outcome = result.score, result.outcome
        if score is None:
            if outcome is Outcome.SCORED or outcome is Outcome.UNPARSED:
                return EvaluateResult.failure(Outcome.ERROR, f"a result with outcome {outcome.value!r} must have a score, got None")
            return result
        if outcome is Outcome.SKIPPED or outcome is Outcome.ERROR:
            return EvaluateResult.failure(Outcome.ERROR, f"a result with outcome {outcome.value!r} must have no score, got {score!r:.80}")
        if score.__class__ is not float:
            score = as_float(score)
            if score is None:
                found = f"{type(result.score).__name__}: {result.score!r:.80}"
                return EvaluateResult.failure(Outcome.ERROR, f"a score must be a number, got {found}")
            result.score = score
        if not -self._largest <= score <= self._largest:  # NaN, too
            return EvaluateResult.failure(Outcome.ERROR, f"a score must be {self._range(score)}, got {score}")
        if not result.is_score_valid or (result.error and outcome is Outcome.SCORED):
            failure = EvaluateResult.failure(Outcome.ERROR, result.error or result.reason or "the scorer says that its score is not valid")
            failure.metrics = result.metrics
            return failure
        return result

    @cached_property
    def _largest(self) -> float:
        """The largest absolute score: a trainer squares score and weighted score for their spread. What a clip keeps small may be any number."""
        largest = LARGEST_SCORE / max(1.0, abs(self.weight))
        return sys.float_info.max if self.clip is not None and max(map(abs, self.clip)) <= largest else largest

    def _range(self, score: float) -> str:
        if not math.isfinite(score):
            return "a finite number"
        of_weight = f" with weight {self.weight:g}" if abs(self.weight) > 1 else ""
        return f"at most {self._largest:g} in size{of_weight}, since the trainer squares it in float32"

    def clipped(self, score: float) -> float:
        """A score within the clip."""
        return score if self.clip is None else min(max(score, self.clip[0]), self.clip[1])

    def __call__(self, /, prompts: Any = None, completions: Any = None, **columns: Any) -> list[float | None]:
        """Score a trainer's batch: a reward alone is a rubric of one, several in a trainer's `reward_funcs` are one rubric."""
        from rl_rewards.trl.apart import reward_function_of  # only a trainer's call leads up there

        return reward_function_of(self, columns.get("log_metric"))(prompts=prompts, completions=completions, **columns)

    @cached_property
    def _alone(self) -> Any:
        """This reward as a TRL reward function, as a rubric of one."""
        from rl_rewards.rubric import Rubric  # only a trainer's call leads up there

        return Rubric((self,)).reward_funcs[0]

    @property
    def __name__(self) -> str:
        return self.name


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
