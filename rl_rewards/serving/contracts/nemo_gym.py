"""NeMo-Gym's resource server: a row with its OpenAI response -> reward, components, mask_sample, failure_kind, failure_reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, component_numbers, failure_of_row, numbers_of, scores_of
from rl_rewards.serving.contracts.json_body import Body
from rl_rewards.serving.errors import RequestError
from rl_rewards.types import Sample, response_of

__all__ = ["NEMO_GYM"]


class _Request(Body):
    responses_create_params: dict[str, Any]
    """The request to the model: its `input` is the prompt."""
    response: dict[str, Any]
    """The model's Response, in OpenAI's form: its `output` is the completion."""


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    prompt = _messages(body.responses_create_params.get("input", ""), "user", "/responses_create_params/input")
    if isinstance(instructions := body.responses_create_params.get("instructions"), str):
        prompt = [{"role": "system", "content": instructions}, *prompt]
    output = body.response.get("output")
    if not isinstance(output, list):
        raise RequestError(f"output must be the list of the response's items, got {type(output).__name__}", "/response/output")
    completion = _messages(output, "assistant", "/response/output")
    if not any(message["role"] == "assistant" for message in completion):
        completion.append({"role": "assistant", "content": ""})  # cut off before it said anything: the policy's empty response
    extra = dict(body.model_extra or {})
    metadata = extra.pop("verifier_metadata", None)
    references = {**(metadata if isinstance(metadata, dict) else {}), **extra}
    return [Sample(prompt, completion, response_of(completion), references)]


def _messages(items: Any, role: str, where: str) -> list[dict[str, Any]]:
    """Items of the Responses API as messages: reasoning goes to the assistant's message that follows it, calls of tools to one."""
    if isinstance(items, str):
        return [{"role": role, "content": items}] if items else []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RequestError(f"must be text or a list of items, got {type(items).__name__}", where)
    messages: list[dict[str, Any]] = []
    reasoning: list[str] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            message: dict[str, Any] = {"role": item.get("role", role), "content": _text(item.get("content"))}
        elif kind == "function_call":
            call = {"id": item.get("call_id"), "type": "function", "function": {"name": item.get("name"), "arguments": item.get("arguments")}}
            if messages and messages[-1].get("tool_calls") and not reasoning:
                messages[-1]["tool_calls"].append(call)
                continue
            message = {"role": "assistant", "content": "", "tool_calls": [call]}
        elif kind == "function_call_output":
            message = {"role": "tool", "content": _text(item.get("output")), "tool_call_id": item.get("call_id")}
        elif kind == "reasoning":
            reasoning += [part.get("text", "") for part in (item.get("content") or item.get("summary") or ()) if isinstance(part, dict)]
            continue
        else:
            continue  # a call of a tool of the server's own, which no reward here reads
        if reasoning and message["role"] == "assistant":
            message["reasoning_content"], reasoning = "\n".join(reasoning), []
        messages.append(message)
    if reasoning:
        messages.append({"role": "assistant", "content": "", "reasoning_content": "\n".join(reasoning)})
    return messages


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or part.get("refusal") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    given = query.body.model_dump()
    components = component_numbers(evaluation.columns, 0)
    failure = failure_of_row(query, evaluation, 0) if scores_of(query, evaluation)[0] is None else None
    if failure is None or query.options.get("verify_failures") == "error":
        (reward,) = numbers_of(query, evaluation)
        return given | components | {"reward": reward, "mask_sample": False, "failure_kind": None, "failure_reason": None}
    # `reward` must be a number; `mask_sample` says that it must not be used.
    return given | components | {"reward": 0.0, "mask_sample": True, "failure_kind": failure[0], "failure_reason": failure[1]}


NEMO_GYM = Contract(
    path="/verify",
    name="nemo_gym",
    summary="NeMo-Gym: a resource server's verify",
    model=_Request,
    example={
        "responses_create_params": {"input": [{"role": "user", "content": "What is 40 + 2?"}]},
        "response": {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "<answer>42</answer>"}]}]},
        "answer": "42",
    },
    read=_read,
    write=_write,
)
