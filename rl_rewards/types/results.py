"""Outcomes, components and results: the result of scoring one sample.

They are made once per completion per reward, so they are plain slotted classes and check nothing on the way in; what a scorer returned is
checked in one place, by the Reward. Field names, defaults and dict-style reads of MetricResult, StepOutput and EvaluateResult are those of
Reward Kit 0.4.1.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rl_rewards.redaction import redact, redact_reason, secrets_of_reasons, without_secrets


class Outcome(StrEnum):
    """How a score came about.

    The policy's fault is scored, ours never is: a result that carries a score was earned by the response (a program of the policy's that
    ran out of time is `timeout` with the wrong-answer score); a result without one is a failure of ours, unless it is `skipped`.
    """

    SCORED = "scored"
    UNPARSED = "unparsed"
    SKIPPED = "skipped"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


class _DictReads:
    """Reward Kit's dict-style reads: `r["score"]`, `"score" in r`, `r.get("score")`, `dict(r)`, limited to the fields."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        if key in self._fields:
            return getattr(self, key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key) if key in self._fields else default

    def keys(self) -> tuple[str, ...]:
        return self._fields

    def values(self) -> list[Any]:
        return [getattr(self, name) for name in self._fields]

    def items(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self._fields]

    def model_dump(self) -> dict[str, Any]:
        """This value and all it holds as plain dicts and lists."""
        return {name: _plain(value) for name, value in self.items()}

    def model_dump_json(self, indent: int | None = None) -> str:
        """This value as JSON text; numbers that JSON lacks (NaN, infinities) become null."""
        return json.dumps(_finite(self.model_dump()), indent=indent, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, _DictReads):
        return value.model_dump()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def describe(error: BaseException) -> str:
    """An exception as its type and its message, without secrets; the type alone where it has none, or where `str` of it fails."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # a user's own class
        return f"{name} (its message cannot be read)"
    return redact(f"{name}: {message}") if message else name


def _redacted(text: Any) -> Any:
    return redact(text) if isinstance(text, str) else text


@dataclass(slots=True)
class MetricResult(_DictReads):
    """A component: a named number inside an EvaluateResult. `score` is unbounded."""

    score: float
    reason: str = ""
    is_score_valid: bool = True


MetricResult._fields = ("is_score_valid", "score", "reason")


@dataclass(slots=True)
class StepOutput(_DictReads):
    """The reward of one step of a multi-step response."""

    step_index: int | str
    base_reward: float
    metrics: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


StepOutput._fields = ("step_index", "base_reward", "metrics", "reason")


class RemoteTracebackError(RuntimeError):
    """An exception of another process; its text is the traceback there."""


class MissingReferenceError(ValueError):
    """A row has no usable reference: the column is absent, None, blank text or an empty list, or not what a scorer reads.

    Never the policy's fault, so nothing is scored, and the row's own: who sent it must change it, and asking again with the same row is in vain.

    Args:
        path: the column, and the keys in it; empty where it is not known.
    """

    def __init__(self, message: str, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.path = tuple(path)


class EvaluateResult(_DictReads):
    """The result of scoring one sample.

    Args:
        score: the score, of any size; None when there is none (the sample was skipped, or the scorer failed).
        reason: one line for people.
        metrics: components by name: MetricResults, or plain numbers.
        is_score_valid: False when the scorer itself says that its score must not be used; the Reward then treats it as `error`.
        step_outputs: rewards of single steps.
        error: what went wrong, for a result without a score.
        outcome: how the score came about; by default `error` when `error` is set and there is no score, else `scored`.
    """

    _fields = ("score", "is_score_valid", "reason", "metrics", "step_outputs", "error", "outcome")
    # No fields: what a failure came from, for whoever logs or raises it, which travels to other processes as text (a reference that is of no use
    # stays what it is); and the seconds that scoring this sample took, for a record, None where they are not known.
    __slots__ = (*_fields, "cause", "seconds")

    def __init__(
        self,
        score: float | None,
        reason: str | None = None,
        metrics: dict[str, Any] | None = None,
        is_score_valid: bool = True,
        step_outputs: list[StepOutput] | None = None,
        error: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        if error is not None:  # it may quote an exception or a server
            reason, error = _redacted(reason), _redacted(error)
        elif secrets_of_reasons and isinstance(reason, str):
            reason = redact_reason(reason)
        self.score = score
        self.reason = reason
        self.metrics = {} if metrics is None else metrics
        self.is_score_valid = is_score_valid
        self.step_outputs = step_outputs
        self.error = error
        self.outcome = outcome if outcome is not None else (_ERROR if score is None else _SCORED)
        self.cause: BaseException | None = None
        self.seconds: float | None = None

    @classmethod
    def failure(cls, outcome: Outcome, error: str, cause: BaseException | None = None) -> EvaluateResult:
        """A failure of ours: no score, never a zero. `cause` is the exception that it came from."""
        result = cls(None, error, None, False, None, error, outcome)
        result.cause = None if cause is None else without_secrets(cause)
        return result

    @classmethod
    def skip(cls, reason: str) -> EvaluateResult:
        """The reward does not apply to this sample."""
        return cls(None, reason, outcome=Outcome.SKIPPED)

    @property
    def failed(self) -> bool:
        """Whether the reward itself failed, through no fault of the response."""
        return self.score is None and self.outcome is not _SKIPPED

    def __reduce__(self) -> tuple[Any, ...]:
        cause = self.cause
        if isinstance(cause, MissingReferenceError):
            kept: Any = (str(cause), cause.path)
        else:
            kept = None if cause is None else "".join(traceback.format_exception(cause)).rstrip()
        fields = (self.score, self.reason, self.metrics, self.is_score_valid, self.step_outputs, self.error, self.outcome)
        return EvaluateResult, fields, None if kept is None and self.seconds is None else (kept, self.seconds)

    def __setstate__(self, state: tuple[str | tuple[str, Sequence[str]] | None, float | None]) -> None:
        kept, self.seconds = state
        if kept is not None:
            self.cause = RemoteTracebackError(kept) if isinstance(kept, str) else MissingReferenceError(*kept)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EvaluateResult) and self.values() == other.values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [f"score={self.score!r}", f"outcome={self.outcome.value!r}"]
        parts += [f"{name}={getattr(self, name)!r}" for name in ("reason", "metrics", "step_outputs", "error") if getattr(self, name)]
        return f"EvaluateResult({', '.join(parts)})"


_SCORED, _SKIPPED, _ERROR = Outcome.SCORED, Outcome.SKIPPED, Outcome.ERROR
