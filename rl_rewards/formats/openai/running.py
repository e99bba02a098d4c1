"""What POST /fine_tuning/alpha/graders/run answers, computed here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.formats.openai.config import graders_in, place_of_grader
from rl_rewards.formats.openai.graders import FIELDS, MULTI, scorer_of, type_of
from rl_rewards.formats.reading import Reading
from rl_rewards.references import MissingReferenceError
from rl_rewards.rubric_files.sources import source_of
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.scorers.base import RowScorer, Scorer
from rl_rewards.scorers.formula import FormulaError, expression
from rl_rewards.scorers.graders.fields import GivenSample, prompt_of
from rl_rewards.scorers.graders.model_grader import ModelGrader, RefusedError
from rl_rewards.scorers.graders.python_grader import PythonGrader
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.judge.verdicts import MalformedVerdictError
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["run_grader"]

_FLAGS = (
    "formula_parse_error",
    "invalid_variable_error",
    "model_grader_parse_error",
    "model_grader_refusal_error",
    "model_grader_server_error",
    "other_error",
    "python_grader_runtime_error",
    "python_grader_server_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
)
_DETAILS = ("model_grader_server_error_details", "python_grader_runtime_error_details", "python_grader_server_error_type")


def run_grader(grader: Any, item: Mapping[str, Any] | None, sample: Mapping[str, Any] | str) -> dict[str, Any]:
    """The reward of one sample, in the shape of the run endpoint's answer.

    Args:
        grader: a mapping, its JSON or YAML text, or the openai SDK's object.
        item: the row, for the namespace `item`.
        sample: the completion, for the namespace `sample`: {output_text, ...}, or its text alone, as the endpoint's `model_sample`.

    Returns:
        {reward, sub_rewards, metadata: {name, type, execution_time, scores, token_usage, sampled_model_name, errors}, model_grader_token_usage_per_model}.
        Where something failed, `reward` is 0.0, as the service has it, a flag of `errors` is true, and `metadata.scores` has the outcome and
        the reason of each grader; a sub-reward that failed is None.

    Raises:
        RubricFileError: for a grader that the service refuses with 400; the message names its fields. A formula that cannot be read or names
            no grader is no such: it is a flag.
        ValueError: when item or sample is no mapping.
    """
    started = time.perf_counter()
    reading = Reading(source_of(_text_of(grader), "grader"))
    plain = reading.source.data
    path = place_of_grader(plain)
    for key in path:
        plain = plain[key]
    kind = type_of(reading, path, plain)
    if kind is None:
        reading.fail()
    fields = reading.fields(path, plain, FIELDS[kind])
    name = fields.text("name") or kind
    scorers = graders_in(reading, fields) if kind == MULTI else {name: scorer_of(reading, fields, kind)}
    formula = fields.text("calculate_output", required=True) if kind == MULTI else None
    if reading.problems:
        reading.fail()
    run = _Run(_sample(item, sample))
    for key, scorer in scorers.items():
        assert scorer is not None
        run.grade(key, scorer)
    reward = run.results[name].score if formula is None else run.total(formula)
    return {
        "reward": 0.0 if reward is None else reward,
        "sub_rewards": {} if formula is None else {key: result.score for key, result in run.results.items()},
        "metadata": {
            "name": name,
            "type": kind,
            "execution_time": time.perf_counter() - started,
            "scores": {key: _scored(result) for key, result in run.reported.items()},
            "token_usage": sum(usage["total_tokens"] for usage in run.usage.values()) if run.usage else None,
            "sampled_model_name": sample.get("model") if isinstance(sample, Mapping) else None,
            "errors": run.errors,
        },
        "model_grader_token_usage_per_model": run.usage,
    }


class _Run:
    """One sample on its way through the graders: results, flags and tokens."""

    def __init__(self, sample: tuple[Sample, GivenSample]) -> None:
        self._sample, self._given = sample
        self.results: dict[str, EvaluateResult] = {}
        self.formula: EvaluateResult | None = None
        self.usage: dict[str, dict[str, int]] = {}
        self.errors: dict[str, Any] = {**dict.fromkeys(_FLAGS, False), **dict.fromkeys(_DETAILS)}

    @property
    def reported(self) -> dict[str, EvaluateResult]:
        """The results by grader, and that of a formula without a value."""
        return self.results if self.formula is None else {**self.results, "calculate_output": self.formula}

    def grade(self, key: str, scorer: Scorer) -> None:
        try:
            if isinstance(scorer, (RowScorer, ModelGrader)):
                scorer.check_reference(self._sample)
        except MissingReferenceError as missing:
            self.results[key] = failure_of(missing)
            self.errors["invalid_variable_error"] = True
            return
        [result] = scorer.score([self._sample], [self._given])
        self.results[key] = result
        if result.outcome is Outcome.UNPARSED:
            self.errors["sample_parse_error"] = True
        elif result.failed:
            self._flag(scorer, result)
        if isinstance(scorer, ModelGrader):
            self._count(scorer, result)

    def total(self, formula: str) -> float | None:
        """The value of a multi grader's formula; None where it has none, which is flagged."""
        try:
            read = expression(formula)
        except FormulaError as error:
            self.errors["formula_parse_error"] = True
            return self._without_value(str(error))
        unknown = sorted(read.names - self.results.keys())
        if unknown:
            self.errors["invalid_variable_error"] = True
            return self._without_value(f"there is no grader {unknown[0]!r}; there are {', '.join(self.results)}")
        scores = {name: score for name in read.names if (score := self.results[name].score) is not None}
        if len(scores) < len(read.names):
            return None
        try:
            return read.value(scores)
        except ArithmeticError as error:
            self.errors["other_error"] = True
            return self._without_value(str(error))

    def _without_value(self, why: str) -> None:
        self.formula = EvaluateResult.failure(Outcome.ERROR, why)

    def _flag(self, scorer: Scorer, result: EvaluateResult) -> None:
        if isinstance(scorer, PythonGrader):
            if result.outcome in (Outcome.CRASHED, Outcome.TIMEOUT) or (result.error or "").startswith(f"{scorer.function} must return"):
                self.errors |= {"python_grader_runtime_error": True, "python_grader_runtime_error_details": result.error}
            else:
                self.errors |= {"python_grader_server_error": True, "python_grader_server_error_type": result.outcome.value}
        elif isinstance(result.cause, RefusedError):
            self.errors["model_grader_refusal_error"] = True
        elif isinstance(result.cause, MalformedVerdictError):
            self.errors["model_grader_parse_error"] = True
        elif isinstance(scorer, Http) and isinstance(result.cause, CallError):
            self.errors["unresponsive_reward_error"] = True
        elif isinstance(result.cause, CallError):
            self.errors |= {"model_grader_server_error": True, "model_grader_server_error_details": result.error}
        else:
            self.errors["other_error"] = True

    def _count(self, scorer: ModelGrader, result: EvaluateResult) -> None:
        used = self.usage.setdefault(scorer.model.name, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
        for part in ("prompt_tokens", "completion_tokens"):
            tokens = int(result.metrics.get(part, 0))
            used[part] += tokens
            used["total_tokens"] += tokens


def _text_of(grader: Any) -> bytes:
    """A grader as JSON."""
    if isinstance(grader, (str, bytes)):
        return grader.encode() if isinstance(grader, str) else grader
    dump = getattr(grader, "model_dump", None)
    return json.dumps(dump(exclude_none=True) if callable(dump) else grader, default=str).encode()


def _scored(result: EvaluateResult) -> dict[str, Any]:
    return {"score": result.score, "outcome": result.outcome.value, "reason": result.error or result.reason}


def _sample(item: Any, sample: Any) -> tuple[Sample, GivenSample]:
    if item is not None and not isinstance(item, Mapping):
        raise ValueError(f"item must be a mapping of a row's columns, got {type(item).__name__}")
    if isinstance(sample, str):
        sample = {"output_text": sample}
    if not isinstance(sample, Mapping):
        raise ValueError(f"sample must be a mapping such as {{'output_text': ...}}, or the text, got {type(sample).__name__}")
    text, calls = sample.get("output_text"), sample.get("output_tools")
    if text is not None and not isinstance(text, str):
        raise ValueError(f"sample.output_text must be text, got {type(text).__name__}")
    message = {"role": "assistant", "content": text or "", **({"tool_calls": calls} if calls else {})}
    columns = dict(item or {})
    return Sample(prompt_of(columns), [message], text or "", columns), GivenSample(sample)
