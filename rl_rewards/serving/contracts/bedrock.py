"""Amazon Bedrock's and SageMaker's grading Lambda: a list of conversations -> aggregate_reward_score and metrics_list of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rl_rewards.formats.bedrock import scored
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, conversation_sample, number_groups, numbers_of
from rl_rewards.serving.contracts.json_body import decoded, pointer
from rl_rewards.serving.errors import RequestError
from rl_rewards.types import Sample

__all__ = ["BEDROCK"]

_ENVELOPES = ("batch", "input")


def _unwrapped(body: Any) -> list[tuple[Any, str]]:
    """The conversations in a request, each with where it is: a list or a lone one, bare or in an envelope of SageMaker's templates."""
    items, where = _inner(body)
    return [(item, where + pointer(i)) for i, item in enumerate(items)] if isinstance(items, list) else [(items, where)]


def _inner(body: Any) -> tuple[Any, str]:
    """The list or the conversation in a request, and where it is."""
    if isinstance(body, dict) and isinstance(body.get("body"), str):
        inner = decoded(body["body"], "/body")
        if isinstance(inner, dict) and "body" in inner:
            raise RequestError("body must be the text of a list, or of {batch: [...]} or {input: ...}", "/body")
        return _inner(inner)[0], "/body"
    if isinstance(body, dict):
        for name in _ENVELOPES:
            if name in body:
                return body[name], pointer(name)
        if "messages" in body:
            return body, ""
    if not isinstance(body, list):
        raise RequestError("the body must be a list of {id, messages, metadata}, or {batch: [...]}, {input: ...} or {body: JSON text}", "")
    return body, ""


def _read(body: Any, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    samples = []
    for item, where in _unwrapped(body):
        if not isinstance(item, dict):
            raise RequestError(f"must be {{id, messages, metadata}}, got {type(item).__name__}", where)
        metadata = {} if item.get("metadata") is None else item["metadata"]
        if not isinstance(metadata, dict):
            raise RequestError(f"metadata must be a mapping, got {type(metadata).__name__}", where + "/metadata")
        references = {name: value for name, value in item.items() if name not in ("id", "messages", "metadata")} | metadata
        answer = references.get("reference_answer")
        if isinstance(answer, dict):  # its fields are columns too
            references = answer | references
        samples.append(conversation_sample(item.get("messages"), references, where + "/messages"))
    if not samples:
        raise RequestError("the list must have at least one conversation", _inner(body)[1])
    return number_groups(samples)


def _place(body: Any, row: int, path: tuple[str, ...]) -> str:
    item, where = _unwrapped(body)[row]
    metadata = item.get("metadata") or {}
    if path and (path[0] in metadata or path[0] in item):
        return where + pointer(*(("metadata",) if path[0] in metadata else ()), *path)
    answer = metadata.get("reference_answer")
    return where + pointer("metadata", "reference_answer", *(path if isinstance(answer, dict) or answer is None else ()))


def _write(query: Query, evaluation: Evaluation) -> Any:
    numbers = numbers_of(query, evaluation)  # each must have one, so a failure is the whole request's
    items = [item for item, _ in _unwrapped(query.body)]
    replies = [reply | {"aggregate_reward_score": number} for reply, number in zip(scored(items, evaluation), numbers, strict=True)]
    enveloped = isinstance(query.body, dict) and "messages" not in query.body
    return {"statusCode": 200, "body": json.dumps(replies)} if enveloped else replies


BEDROCK = Contract(
    path="/lambda",
    name="bedrock",
    summary="Amazon Bedrock and SageMaker: a grading Lambda's list",
    model=None,
    example=[
        {
            "id": "1",
            "messages": [{"role": "user", "content": "What is 40 + 2?"}, {"role": "assistant", "content": "<answer>42</answer>"}],
            "metadata": {"reference_answer": {"answer": "42"}},
        }
    ],
    read=_read,
    write=_write,
    place=_place,
)
