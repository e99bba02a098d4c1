"""NeMo-Gym's resource server: a row with its OpenAI response -> reward, components, mask_sample, failure_kind, failure_reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, component_numbers, failure_of_row, numbers_of, scores_of
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.contracts.messages import check_list, check_text
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
    completion = _messages(check_list(output, "output", "/response/output"), "assistant", "/response/output")
    if not any(message["role"] == "assistant" for message in completion):
        completion.append({"role": "assistant", "content": ""})  # cut off before it said anything: the policy's empty response
    extra = dict(body.model_extra or {})
    metadata = extra.pop("verifier_metadata", None)
    references = {**(metadata if isinstance(metadata, dict) else {}), **extra}
    return [Sample(prompt, completion, response_of(completion), references)]


def _messages(items: Any, role: str, where: str) -> list[dict[str, Any]]:
    """Items of the Responses API as messages: reasoning goes to the assistant's message that follows it, calls of tools to the one that they follow."""
    if isinstance(items, str):
        return [{"role": role, "content": items}] if items else []
    messages: list[dict[str, Any]] = []
    reasoning: list[str] = []
    for place, item in enumerate(check_list(items, where.rpartition("/")[2], where)):
        at = where + pointer(place)
        kind = check_text(item.get("type", "message"), "type", at + "/type")
        if kind == "message":
            name = check_text(item.get("role", role), "role", at + "/role")
            message: dict[str, Any] = {"role": name, "content": _text(item.get("content"), at + "/content")}
        elif kind == "function_call":
            call = {"id": item.get("call_id"), "type": "function", "function": {"name": item.get("name"), "arguments": item.get("arguments")}}
            if messages and messages[-1]["role"] == "assistant":
                _add_call(messages[-1], call, reasoning)
                reasoning = []
                continue
            message = {"role": "assistant", "content": "", "tool_calls": [call]}
        elif kind == "function_call_output":
            message = {"role": "tool", "content": _text(item.get("output"), at + "/output"), "tool_call_id": item.get("call_id")}
        elif kind == "reasoning":
            name = "content" if item.get("content") else "summary"
            reasoning += _parts(item.get(name), f"{at}/{name}")
            continue
        else:
            continue  # a call of a tool of the server's own, which no reward here reads
        if reasoning and message["role"] == "assistant":
            message["reasoning_content"], reasoning = "\n".join(reasoning), []
        messages.append(message)
    if reasoning:
        messages.append({"role": "assistant", "content": "", "reasoning_content": "\n".join(reasoning)})
    return messages


def _add_call(message: dict[str, Any], call: dict[str, Any], reasoning: list[str]) -> None:
    """Add a call to the message of its turn, and what was thought between them: Chat Completions have one message for both."""
    message.setdefault("tool_calls", []).append(call)
    if reasoning:
        message["reasoning_content"] = "\n".join([*filter(None, [message.get("reasoning_content")]), *reasoning])


def _text(content: Any, where: str) -> str:
    return content if isinstance(content, str) else "".join(_parts(content, where))


def _parts(content: Any, where: str) -> list[str]:
    texts = []
    for place, part in enumerate(check_list([] if content is None else content, "content", where)):
        name = next((name for name in ("text", "refusal") if part.get(name) is not None), None)
        texts.append("" if name is None else check_text(part[name], name, f"{where}/{place}/{name}"))
    return texts


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    extra = body.model_extra or {}
    metadata = extra.get("verifier_metadata")
    in_metadata = (
        isinstance(metadata, dict) and path[:1] and path[0] not in extra and (path[0] in metadata or not extra.keys() - {"verifier_metadata"})
    )
    return pointer("verifier_metadata", *path) if in_metadata else pointer(*path)


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
    place=_place,
)
