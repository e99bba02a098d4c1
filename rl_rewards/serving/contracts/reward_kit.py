"""Reward Kit's and eval-protocol's call: {messages, ground_truth, kwargs} -> EvaluateResult."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, check_references, conversation_sample, failure_of_row, not_applicable, scores_of
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.contracts.messages import check_messages
from rl_rewards.types import MetricResult, Sample, text_of
from rl_rewards.types.components import component_score

__all__ = ["REWARD_KIT"]


class _Request(Body):
    messages: list[dict[str, Any]]
    """The conversation; its last assistant message is scored."""
    ground_truth: Any = None
    """Text, a mapping or a list. A mapping's keys are columns, and so is `ground_truth` itself."""
    kwargs: dict[str, Any] = {}
    """Further columns."""


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    references: dict[str, Any] = {}
    if isinstance(body.ground_truth, dict):
        references |= body.ground_truth
    references |= body.kwargs
    if body.ground_truth is not None:
        references["ground_truth"] = body.ground_truth
        missing = [name for name in rubric.columns if name not in references]
        if len(missing) == 1 and not isinstance(body.ground_truth, dict):  # the rubric's one reference, whatever its column is called
            references[missing[0]] = _text_of_messages(body.ground_truth)
    return [conversation_sample(body.messages, references, "/messages")]


def _text_of_messages(truth: Any) -> Any:
    """The text of the first message where a ground truth is a list of messages, as Reward Kit's own rewards read it; else the ground truth."""
    if (
        isinstance(truth, list)
        and truth
        and all(isinstance(turn, dict) and isinstance(turn.get("role"), str) and "content" in turn for turn in truth)
    ):
        check_messages(truth, "/ground_truth")
        return text_of(truth[0]["content"])
    return truth


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    name, truth = path[:1], body.ground_truth
    if name and (name[0] in body.kwargs or (truth is None and body.kwargs and name[0] != "ground_truth")):
        return pointer("kwargs", *path)
    if isinstance(truth, dict) and name != ("ground_truth",):
        return pointer("ground_truth", *path)
    return pointer("ground_truth", *(path[1:] if name == ("ground_truth",) else ()))


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    (score,) = scores_of(query, evaluation)
    metrics: dict[str, dict[str, Any]] = {}
    reasons: list[str] = []
    for name, column in evaluation.columns.items():
        result = column.results[0]
        reason = result.error or result.reason or result.outcome.value
        reasons.append(f"{name}: {reason}")
        metrics[name] = _metric(column.scores[0], reason) | {"outcome": result.outcome.value}
        for component, value in result.metrics.items():
            metrics[f"{name}/{component}"] = _metric(component_score(value), value.reason if isinstance(value, MetricResult) else "")
    failure = None
    if score is None:
        check_references(query, evaluation)
        failure = failure_of_row(query, evaluation, 0)
        if failure is None:
            raise not_applicable(query, evaluation, 0)
    # The type has a place for a failure: no score, not valid, an error. A number would be a made-up score.
    error = None if failure is None else failure[1]
    reason = error or "; ".join(reasons)
    return {"score": score, "is_score_valid": score is not None, "reason": reason, "metrics": metrics, "step_outputs": None, "error": error}


def _metric(score: float | None, reason: str) -> dict[str, Any]:
    valid = score is not None and math.isfinite(score)
    return {"is_score_valid": valid, "score": score if valid else None, "reason": reason}


REWARD_KIT = Contract(
    path="/evaluate",
    name="reward_kit",
    summary="Reward Kit: an EvaluateResult",
    model=_Request,
    example={
        "messages": [{"role": "user", "content": "What is 40 + 2?"}, {"role": "assistant", "content": "<answer>42</answer>"}],
        "ground_truth": "42",
        "kwargs": {},
    },
    read=_read,
    write=_write,
    place=_place,
)
