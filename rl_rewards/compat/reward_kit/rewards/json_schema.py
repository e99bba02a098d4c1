"""Reward Kit's `json_schema_reward`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.json_text import load_json
from rl_rewards.parsers import CodeBlock
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import JsonSchema
from rl_rewards.types import EvaluateResult, Message, Outcome

__all__ = ["json_schema_reward"]

_ABSENT = object()


@lru_cache(maxsize=256)
def _of_schema(schema: str) -> Rubric:
    return rubric_of(JsonSchema(schema))


@reward_function
def json_schema_reward(
    messages: list[Message],
    ground_truth: Any = None,
    json_content: dict[str, Any] | list[Any] | str | None = None,
    expected_schema: dict[str, Any] | str | None = None,
    **kwargs: Any,
) -> EvaluateResult:
    """Score 1 for JSON that is valid under a schema and has its properties, else the share of properties that are right.

    The share is of the schema's properties (nested ones by their path) and those that only the JSON has; one is right where it is there
    and valid under its own schema. So `{}` earns nothing from a schema that lists properties without requiring them.

    Args:
        json_content: the JSON; by default it is in the last message, in a fenced block or from the first bracket to the last.
        expected_schema: a JSON schema, or its text.
    """
    if expected_schema is None:
        return failed("expected_schema must be a JSON schema, got none", "expected_schema")
    try:
        schema = load_json(expected_schema) if isinstance(expected_schema, str) else expected_schema
        _of_schema(json.dumps(schema))
    except ValueError as error:
        return failed(f"expected_schema must be a JSON schema: {error}", "expected_schema")
    if json_content is None:
        checked = judged(_of_schema("true"), messages)
        if checked.score is None:
            return checked
        json_content = _json_in(messages[-1].text)
    try:
        content = load_json(json_content) if isinstance(json_content, str) else json_content
    except ValueError:
        content = _ABSENT
    if content is _ABSENT or content is None:
        return with_metrics(EvaluateResult(0.0, "no JSON in the response", outcome=Outcome.UNPARSED), schema_similarity=0.0)
    score, reason = _compared(schema, content)
    return with_metrics(EvaluateResult(score, reason), schema_similarity=score)


def _json_in(text: str) -> str | None:
    block = CodeBlock("json").extract(text)
    if block is not None:
        return block
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts and end > min(starts) else None


def _compared(schema: Any, content: Any) -> tuple[float, str | None]:
    verdict = judged(_of_schema(json.dumps(schema)), [Message("assistant", json.dumps(content))])
    expected = dict(_properties(schema, content, ""))
    extra = [path for path in _paths(content, "") if path not in expected]
    right = sum(expected.values())
    items = len(expected) + (len(extra) if expected else 0)
    if not expected or (right == items and not verdict.score):  # nothing is listed, or something else is wrong: the whole is one thing more
        items, right = items + 1, right + int(verdict.score == 1.0)
    missing = sorted(path for path, fits in expected.items() if not fits)
    parts = ([f"missing or wrong: {', '.join(missing)}"] if missing else []) + ([f"not in the schema: {', '.join(extra)}"] if extra else [])
    return right / items, "; ".join(parts) or verdict.reason


def _properties(schema: Any, content: Any, path: str) -> Iterator[tuple[str, bool]]:
    """(path, whether the content has it and it is valid) of each property that a schema lists."""
    listed = schema.get("properties") if isinstance(schema, Mapping) else None
    for name, inner in listed.items() if isinstance(listed, Mapping) else ():
        value = content.get(name, _ABSENT) if isinstance(content, Mapping) else _ABSENT
        nested = isinstance(inner, Mapping) and isinstance(inner.get("properties"), Mapping)
        own = {"type": "object"} if nested else inner
        fits = value is not _ABSENT and judged(_of_schema(json.dumps(own)), [Message("assistant", json.dumps(value))]).score == 1.0
        yield f"{path}{name}", fits
        yield from _properties(inner, value, f"{path}{name}.")


def _paths(content: Any, path: str) -> Iterator[str]:
    for name, value in content.items() if isinstance(content, Mapping) else ():
        yield f"{path}{name}"
        yield from _paths(value, f"{path}{name}.")
