"""Vertex AI's Cloud Run reward: {example, response, metadata} -> {reward, user_requested_aux_info}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rl_rewards.formats.vertex.validation import sample_of
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, component_numbers, numbers_of
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.errors import RequestError
from rl_rewards.types import Sample

__all__ = ["VERTEX"]


class _Request(Body):
    example: dict[str, Any]
    """A ReinforcementTuningExample: contents, systemInstruction, references."""
    response: dict[str, Any]
    """A Content: {role: model, parts: [{text}]}."""
    metadata: dict[str, Any] | None = None


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    try:
        return [sample_of(body.example, body.response)]
    except ValueError as error:
        text = str(error)
        raise RequestError(text, "/response" if "response" in text[:12] else _wrong_field(body.example, text)) from None


def _wrong_field(example: Mapping[str, Any], text: str) -> str:
    """Pointer to the field of an example that an error is about, which it names first: a reference or a field; else the example."""
    references = example.get("references")
    named = {f"the reference {name!r} ": pointer("example", "references", name) for name in (references if isinstance(references, dict) else {})}
    named |= {f"{name!r}": pointer("example", name) for name in example} | {"'contents'": "/example/contents"}
    return next((place for words, place in named.items() if text.startswith(words)), "/example")


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    return pointer("example", "references", *path)


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    (score,) = numbers_of(query, evaluation)
    return {"reward": score, "user_requested_aux_info": json.dumps(component_numbers(evaluation.columns, 0))}


VERTEX = Contract(
    path="/",
    name="vertex",
    summary="Vertex AI: a Cloud Run reward",
    model=_Request,
    example={
        "example": {"contents": [{"role": "user", "parts": [{"text": "What is 40 + 2?"}]}], "references": {"answer": "42"}},
        "response": {"role": "model", "parts": [{"text": "<answer>42</answer>"}]},
        "metadata": {"tuning_job_id": "1", "step": 3},
    },
    read=_read,
    write=_write,
    place=_place,
)
