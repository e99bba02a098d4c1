"""Reads what services reply: objects, numbers, results; what is not of the form is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rl_rewards.types import EvaluateResult, MetricResult, Outcome

__all__ = ["ReplyError", "is_number", "number_of", "numbers_of", "object_of", "scored_object", "result_of", "result_of_item", "result_of_row"]


class ReplyError(ValueError):
    """A reply that is not of the service's form, or holds no score."""


def result_of_row(result: Any, weights: Mapping[str, Any]) -> EvaluateResult:
    """One row's result; what is wrong with it costs its own sample."""
    try:
        said = object_of(result, "score")
        scores, outcomes, reasons = (mapping_of(said, name) for name in ("scores", "outcomes", "reasons"))
        numbers = {name: score for name, score in scores.items() if score is not None}
        for name, parts in mapping_of(said, "components").items():
            numbers |= {f"{name}/{part['name']}": part["score"] for part in parts or () if part.get("score") is not None}
        reason = "; ".join(f"{name}: {why}" for name, why in reasons.items() if why) or None
        if said["score"] is not None:
            return result_of(said["score"], "score", reason, numbers)
        failed = [name for name, outcome in outcomes.items() if outcome != Outcome.SKIPPED and scores.get(name) is None and weights.get(name, 1) != 0]
        if not failed:
            return EvaluateResult.skip("no reward of the evaluation applies to this row")
        name = failed[0]
        outcome = Outcome(outcomes[name]) if outcomes[name] in {Outcome.TIMEOUT, Outcome.CRASHED, Outcome.UNSUPPORTED} else Outcome.ERROR
        failure = EvaluateResult.failure(outcome, f"the evaluation scored nothing: reward {name!r}: {reasons.get(name) or outcomes[name]}")
        failure.metrics = {part: MetricResult(number_of(value, part)) for part, value in numbers.items()}
        return failure
    except (ReplyError, TypeError, KeyError, AttributeError) as wrong:
        return EvaluateResult.failure(Outcome.ERROR, f"a result of the evaluation cannot be read: {wrong}")


def mapping_of(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name) or {}
    if not isinstance(value, Mapping):
        raise ReplyError(f"{name!r} must be an object, got {value!r:.80}")
    return value


def result_of_item(result: Any) -> EvaluateResult:
    """One result of a batch; what is wrong with it costs its own sample."""
    try:
        if isinstance(result, Mapping) and result.get("score", 0) is None:
            said = result
            why = said.get("error") or said.get("reason") or "no reason given"
            return EvaluateResult.failure(Outcome.ERROR, f"the service gave no score: {why}")
        said = scored_object(result, "score")
        return result_of(said["score"], "score", said.get("reason"), said.get("metrics") or {})
    except ReplyError as wrong:
        return EvaluateResult.failure(Outcome.ERROR, str(wrong))


def result_of(reward: Any, name: str, reason: Any, components: Any) -> EvaluateResult:
    """A result, or the failure that its number is none; components that are no numbers are an error, too."""
    try:
        score = number_of(reward, name)
        if not isinstance(components, Mapping):
            raise ReplyError(f"'metrics' must be an object, got {components!r:.80}")
        metrics = {str(key): MetricResult(number_of(value, f"metrics.{key}")) for key, value in components.items()}
    except ReplyError as wrong:
        return EvaluateResult.failure(Outcome.ERROR, str(wrong))
    return EvaluateResult(score, None if reason is None else str(reason), metrics)


def object_of(reply: Any, needed: str) -> Mapping[str, Any]:
    if not isinstance(reply, Mapping):
        raise ReplyError(f"a reply must be an object with {needed!r}, got {type(reply).__name__}: {reply!r:.80}")
    if needed not in reply:
        raise ReplyError(f"a reply must have {needed!r}, got {sorted(map(str, reply))!r:.200}")
    return reply


def scored_object(reply: Any, needed: str) -> Mapping[str, Any]:
    """An object with a score in it, and with nothing that says that the service failed to score: an `error`, or `is_score_valid: false`.

    Raises:
        ReplyError: for any other reply; a number beside an error is no score.
    """
    said = object_of(reply, needed)
    for name in ("error", "errors"):
        if said.get(name):
            raise ReplyError(f"the service failed, with {name!r} beside {needed!r}: {said[name]!s:.200}")
    if said.get("is_score_valid", True) not in (True, None):
        raise ReplyError(f"the service says that its score must not be used: is_score_valid is {said['is_score_valid']!r:.80}")
    return said


def numbers_of(values: Any, name: str, count: int) -> list[Any]:
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)} of them" if isinstance(values, list) else repr(values)[:80]
        raise ReplyError(f"{name!r} must be a list of {count} numbers, got {found}")
    return values


def number_of(value: Any, name: str) -> float:
    if not is_number(value):
        raise ReplyError(f"{name!r} must be a finite number, got {type(value).__name__}: {value!r:.80}")
    return float(value)


def is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False
