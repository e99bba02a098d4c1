"""Azure's and OpenAI's endpoint grader: {sample, item} -> {score}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.graders.fields import prompt_of
from rl_rewards.serving.contracts.base import Contract, Query, numbers_of
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.contracts.messages import check_list, check_text
from rl_rewards.serving.errors import RequestError
from rl_rewards.types import Sample, response_of

__all__ = ["GRADER"]


class _Request(Body):
    sample: dict[str, Any]
    """What the model wrote: output_text, output_tools, choices."""
    item: dict[str, Any]
    """The dataset's row: its fields are the columns, its `messages` the prompt."""
    trace_id: str | None = None


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    text, calls = body.sample.get("output_text"), body.sample.get("output_tools")
    if text is None and not calls:
        found = "null" if "output_text" in body.sample else f"the fields {sorted(body.sample)}"
        raise RequestError(f"sample must have output_text or output_tools, got {found}", "/sample/output_text")
    said = "" if text is None else check_text(text, "output_text", "/sample/output_text")
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if calls is not None and check_list(calls, "output_tools", "/sample/output_tools"):
        message["tool_calls"] = calls
    return [Sample(prompt_of(body.item), [message], response_of([message]), dict(body.item))]


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    return pointer("item", *path)


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    (score,) = numbers_of(query, evaluation)
    return {"score": score}


GRADER = Contract(
    path="/grade",
    name="grader",
    summary="OpenAI and Azure: an endpoint grader",
    model=_Request,
    example={"sample": {"output_text": "<answer>42</answer>"}, "item": {"answer": "42"}, "trace_id": "trace_1"},
    read=_read,
    write=_write,
    place=_place,
)
