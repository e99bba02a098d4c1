"""The tool calls that the policy made in a completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.json_text import load_json
from rl_rewards.thinking import answer_span, reasoning_in
from rl_rewards.types.messages import Message, text_of
from rl_rewards.types.sample import Sample
from rl_rewards.types.written_calls import written_calls

__all__ = ["plain_call", "tool_calls_of"]


def tool_calls_of(sample: Sample) -> list[dict[str, Any]]:
    """All calls of the policy's messages of a completion, in order: `{"name": ..., "arguments": ...}`, with `id` where there is one.

    Read are OpenAI's form (`{"type": "function", "function": {"name", "arguments"}}`, arguments as JSON text or as an object), the old
    `function_call`, and bare `{"name", "arguments"}`. Where no message has a call of these, those that the text of the policy's messages has
    behind its thinking, as the chat templates in common use write them (`written_calls.FORMS`). Arguments that are no JSON stay the text that
    they are; a call that cannot be read has None as its name.
    """
    if sample.completion.__class__ is str:
        return _written(sample.response, sample.answer_part)
    turns = [fields for turn in sample.completion or () if (fields := _policy_fields(turn))]
    if calls := [plain_call(call) for fields in turns for call in _calls_in(fields)]:
        return calls
    opened = sample.thinking_opened
    earlier = [call for fields in turns[:-1] for call in _of_turn(fields, opened)]
    return earlier + (_written(sample.response, sample.answer_part) if turns else [])


def _of_turn(fields: Mapping[str, Any], opened: bool) -> list[dict[str, Any]]:
    """The calls in the text of a message that the policy went on after, once a tool had answered."""
    text = text_of(fields.get("content"))
    start, end = answer_span(text, opened and reasoning_in(fields) is None)
    return _written(text, text[start:] if end is None else None)


def _written(text: str, answer: str | None) -> list[dict[str, Any]]:
    """The calls in a text whose answer part is given; gpt-oss's have messages of their own, which are no part of its answer."""
    said = text if "<|message|>" in text and "to=" in text else answer
    return [plain_call(call) for call in written_calls(said)] if said else []


def plain_call(call: Any) -> dict[str, Any]:
    """A call in any of the known forms as `{"name", "arguments"}`, and `id` where it has one; no arguments are an empty object."""
    inner = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(inner, Mapping):
        return {"name": None, "arguments": call}
    name = inner.get("name")
    arguments = inner.get("arguments", inner.get("parameters"))
    if isinstance(arguments, str):
        try:
            arguments = load_json(arguments) if arguments.strip() else {}
        except ValueError:
            pass
    plain = {"name": name if isinstance(name, str) else None, "arguments": {} if arguments is None else arguments}
    return plain | {"id": call["id"]} if call.get("id") is not None else plain


def _policy_fields(turn: Any) -> Mapping[str, Any] | None:
    """The fields of a message of the policy's; None of another one."""
    fields = turn.model_dump() if isinstance(turn, Message) else turn
    return fields if isinstance(fields, Mapping) and fields.get("role") == "assistant" else None


def _calls_in(message: Mapping[str, Any]) -> Sequence[Any]:
    calls = message.get("tool_calls")
    if isinstance(calls, Sequence) and not isinstance(calls, str) and calls:
        return calls
    return [message["function_call"]] if message.get("function_call") else []
