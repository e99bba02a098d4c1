"""Vertex AI's Content and ReinforcementTuningExample <-> messages, samples and rows. Names in camelCase (ProtoJSON) or snake_case.

A line of a Vertex AI data set, {contents, systemInstruction, references, tools}, is a row of TRL's: the prompt as messages, and a column for
each reference. `tools` stays as it is. A line may hold a response, too, {..., response: Content}, or be {example: {...}, response: Content}, as
Cloud Run services are sent it.

    part                   message
    text                   text; several are content parts {type: text, text}
    text, thought: true    reasoning_content
    functionCall           tool_calls [{type: function, function: {name, arguments}}]
    functionResponse       a message of role tool, its content JSON text
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rl_rewards.types.messages import Message
from rl_rewards.types.rows import RowError
from rl_rewards.types.sample import Sample

__all__ = ["example_of", "is_vertex_row", "response_messages", "row_of_example", "vertex_line"]

_EXAMPLE = {"contents": "contents", "systemInstruction": "systemInstruction", "references": "references", "tools": "tools"}
_EXAMPLE_SNAKE = {"system_instruction": "systemInstruction"}
_RESPONSES = ("response", "sampleResponse", "sample_response")
_RESERVED = ("prompt", "completion", "completions", "messages", "conversation", "completion_ids", "tools", "images")
_PART_SNAKE = {"function_call": "functionCall", "function_response": "functionResponse", "thought_signature": "thoughtSignature"}
_UNREAD = ("thoughtSignature", "id")


def is_vertex_row(row: Mapping[str, Any]) -> bool:
    """Whether a row is a line of a Vertex AI data set: it has `contents`, itself or in `example`, and none of our own forms."""
    if "contents" not in row and "example" not in row:  # nearly all rows
        return False
    if any(row.get(name) is not None for name in ("prompt", "messages", "conversation", "instruction")):
        return False
    example = row.get("example")
    return row.get("contents") is not None or (isinstance(example, Mapping) and example.get("contents") is not None)


def row_of_example(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a Vertex AI data set as a row: `prompt` as messages, a column for each reference, `tools`, and `completion` where it has one.

    Raises:
        RowError: when it is no such line, a part is neither text nor a call of a function, or a reference has the name of a column that
            TRL or this library takes for something else.
    """
    row = dict(row)
    response = _once([("response", row.pop(name)) for name in _RESPONSES if isinstance(row.get(name), Mapping)], "a line").get("response")
    example = row.pop("example", None)
    if isinstance(example, Mapping):
        row = dict.fromkeys(row) | _once([*example.items(), *row.items()], "a line and its 'example'")
    fields = _once([(name, row.pop(key)) for key in list(row) if (name := _EXAMPLE.get(key) or _EXAMPLE_SNAKE.get(key)) is not None], "an example")
    prompt = [message for content in _list(fields.get("contents"), "contents") for message in _messages(content, "user", "contents")]
    if not prompt:
        raise RowError("'contents' must hold at least one turn")
    if (system := fields.get("systemInstruction")) is not None:
        prompt = [{**message, "role": "system"} for message in _messages(system, "user", "systemInstruction")] + prompt
    made: dict[str, Any] = {"prompt": prompt, **_references(fields.get("references"), row)}
    if fields.get("tools") is not None:
        made["tools"] = fields["tools"]
    if response is not None:
        made["completion"] = response_messages(response)
    return {**made, **row}


def response_messages(content: Any) -> list[dict[str, Any]]:
    """The message of a Content that is the policy's response. The service takes `user` for a role that is left out, so that it says nothing.

    Raises:
        RowError: when it is no Content, or has a part that is neither text nor a call of a function.
    """
    messages = _messages(content, "model", "response")
    if roles := {message["role"] for message in messages} - {"user", "assistant"}:
        raise RowError(f"'response' must be the model's, {{role: model, parts: [{{text}}]}}, got a {roles.pop()}'s message")
    return [{**message, "role": "assistant"} for message in messages]


def example_of(sample: Sample, references: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A sample as a ReinforcementTuningExample in ProtoJSON: contents, systemInstruction where there is one, references, tools.

    Args:
        references: in place of the sample's own.
    """
    columns = dict(sample.references if references is None else references)
    tools = columns.pop("tools", None)
    prompt = [Message.model_validate(turn) for turn in sample.prompt_turns]
    example: dict[str, Any] = {"contents": [_content(message) for message in prompt if message.role != "system"], "references": columns}
    if instructions := [message for message in prompt if message.role == "system"]:
        example["systemInstruction"] = {"parts": [part for message in instructions for part in _text_parts(message)]}
    if tools is not None:
        example["tools"] = tools
    return example


def vertex_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a prompt as a line of a Vertex AI data set; its other columns, but a completion, become references, as text.

    Raises:
        RowError: when it has no prompt, or a message is none.
    """
    prompt = row.get("prompt")
    if not isinstance(prompt, (str, Sequence)) or not prompt:
        raise RowError(f"a row needs a column 'prompt' of text or messages, got {type(prompt).__name__}; it has {sorted(row)}")
    columns = {name: value for name, value in row.items() if name not in ("prompt", "completion", "completion_ids") and value is not None}
    tools = columns.pop("tools", None)
    references = {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in columns.items()}
    try:
        example = example_of(Sample(prompt if isinstance(prompt, str) else list(prompt), "", ""), references)
    except ValueError as error:
        raise RowError(f"'prompt': {error}") from None
    line = {name: example[name] for name in ("systemInstruction", "contents") if name in example}
    return line | ({"references": references} if references else {}) | ({"tools": tools} if tools is not None else {})


def _references(value: Any, others: Mapping[str, Any]) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        value = _json(value, "references")
    if not isinstance(value, Mapping):
        raise RowError(f"'references' must be an object of texts, got {type(value).__name__}: {value!r:.80}")
    for name, text in value.items():
        if name in _RESERVED or name in others:
            raise RowError(f"the reference {name!r} must have another name: that is a column with a meaning of its own")
        if text is not None and not isinstance(text, str):
            raise RowError(f"the reference {name!r} must be text, got {type(text).__name__}: {text!r:.80}; write it in quotes")
    return {name: text for name, text in value.items() if text is not None}


def _messages(content: Any, role: str, where: str) -> list[dict[str, Any]]:
    """The messages of one Content: one, or one for each result of a function."""
    if isinstance(content, str):
        content = _json(content, where)
    if not isinstance(content, Mapping):
        raise RowError(f"{where!r} must be a Content, {{role, parts: [{{text}}]}}, got {type(content).__name__}: {content!r:.80}")
    if unknown := sorted(set(content) - {"role", "parts"}):
        raise RowError(f"{where!r} must have role and parts, got {unknown[0]!r}")
    role = role if content.get("role") in (None, "") else content["role"]
    if role not in ("user", "model", "function", "system"):
        raise RowError(f"{where!r}: a role must be user or model, got {role!r}; did you mean 'model'?")
    parts = [_part(part, where) for part in _list(content.get("parts"), f"{where}.parts")]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    message: dict[str, Any] = {"role": "assistant" if role == "model" else role, "content": _joined(part for part in parts if _is_said(part))}
    if thoughts := [part["text"] for part in parts if part.get("thought") and "text" in part]:
        message["reasoning_content"] = "".join(thoughts)
    if calls := [part["functionCall"] for part in parts if "functionCall" in part]:
        message["tool_calls"] = [
            {"type": "function", "function": {"name": call.get("name"), "arguments": {} if call.get("args") is None else call["args"]}}
            for call in calls
        ]
    if not results:
        return [message]
    if len(results) < len(parts):
        raise RowError(f"{where!r}: a turn must have results of functions alone, or none, got parts {[sorted(part) for part in parts]}")
    return [{"role": "tool", "name": each.get("name"), "content": json.dumps(each.get("response"), ensure_ascii=False)} for each in results]


def _part(part: Any, where: str) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise RowError(f"{where!r}: a part must be an object such as {{text: ...}}, got {type(part).__name__}: {part!r:.80}")
    named = _once([(_PART_SNAKE.get(str(name)) or str(name), value) for name, value in part.items()], f"{where!r}: a part")
    kept = {name: value for name, value in named.items() if name not in _UNREAD}
    if not kept:
        return {"text": ""}
    kind = next((name for name in ("text", "functionCall", "functionResponse") if name in kept), None)
    if kind is None or set(kept) - {kind, "thought"}:
        raise RowError(f"{where!r}: a part must be text, functionCall or functionResponse, got {sorted(kept)}")
    if not isinstance(kept[kind], str if kind == "text" else Mapping):
        raise RowError(f"{where!r}: {kind} must be {'text' if kind == 'text' else 'an object'}, got {kept[kind]!r:.80}")
    if not isinstance(kept.get("thought", False), bool):
        raise RowError(f"{where!r}: thought must be true or false, got {kept['thought']!r:.80}")
    return kept


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    """A mapping of the fields that are not null, none of which is given in two spellings or in two places.

    Raises:
        RowError: naming one that is.
    """
    given = [(name, value) for name, value in pairs if value is not None]
    fields = dict(given)
    if len(fields) < len(given):
        names = [name for name, _ in given]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError(f"{what} must have each field once, got {twice!r} twice")
    return fields


def _is_said(part: Mapping[str, Any]) -> bool:
    return "text" in part and not part.get("thought")


def _joined(parts: Iterable[Mapping[str, Any]]) -> str | list[dict[str, str]]:
    texts = [part["text"] for part in parts]
    return [{"type": "text", "text": text} for text in texts] if len(texts) > 1 else "".join(texts)


def _content(message: Message) -> dict[str, Any]:
    """The Content of a message that is no system message."""
    if message.role == "tool":
        result = _result(message.text)
        return {"role": "user", "parts": [{"functionResponse": {"name": message.name or "", "response": result}}]}
    parts: list[dict[str, Any]] = [{"text": text, "thought": True} for text in [message.extra.get("reasoning_content")] if text]
    calls = [call.get("function", call) for call in message.tool_calls or () if isinstance(call, Mapping)]
    if message.text or not calls:
        parts += _text_parts(message)
    parts += [{"functionCall": {"name": call.get("name"), "args": _arguments(call.get("arguments"))}} for call in calls]
    return {"role": "model" if message.role == "assistant" else message.role, "parts": parts}


def _text_parts(message: Message) -> list[dict[str, Any]]:
    content = message.content
    if isinstance(content, list) and len(content) > 1:
        texts = [Message(message.role, [part]).text for part in content]
        return [{"text": text} for text in texts if text] or [{"text": ""}]
    return [{"text": message.text}]


def _result(text: str) -> dict[str, Any]:
    """What a function's result says: an object, as Vertex AI has it."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    return found if isinstance(found, dict) else {"result": found}


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value or {}
    try:
        return json.loads(value)
    except ValueError:
        return {"arguments": value}


def _list(value: Any, where: str) -> list[Any]:
    if isinstance(value, str):
        value = _json(value, where)
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise RowError(f"{where!r} must be a list, got {type(value).__name__}: {value!r:.80}")
    return list(value)


def _json(text: str, where: str) -> Any:
    """A cell of a table that holds JSON text."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise RowError(f"{where!r} is text, but not JSON: {error}") from None
