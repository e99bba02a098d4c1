"""Rows of a dataset -> samples: the one place that knows which columns hold a response.

A row is understood when it has one of these, and the first that it has is taken:

    messages, or conversation     a list of messages (or its JSON text): the last assistant turn, with what follows it, is the completion,
                                  what precedes it the prompt
    prompt and completion         text or messages each, as TRL has them
    instruction and response      text, as distilabel has them

All other columns are the sample's references. A column `completion_ids` gives the completion's token ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl_rewards.json_text import load_json
from rl_rewards.types.messages import Message, unreadable_in
from rl_rewards.types.sample import Sample, response_of

__all__ = ["CONVERSATIONS", "PAIRS", "RowError", "Tokenize", "messages_of", "sample_of"]

CONVERSATIONS = ("messages", "conversation")
PAIRS = (("prompt", "completion"), ("instruction", "response"))

Tokenize = Callable[[str], Sequence[int]]


class RowError(ValueError):
    """A row that is no sample."""


def sample_of(row: Mapping[str, Any], index: int = 0, tokenize: Tokenize | None = None) -> Sample:
    """The sample in a row.

    Args:
        index: its position in its batch.
        tokenize: text -> token ids, for rows without a column `completion_ids`.

    Raises:
        RowError: when no column of it holds a response, or a message is none.
    """
    used, prompt, completion = _turns(row)
    references = {name: value for name, value in row.items() if name not in used}
    sample = Sample(prompt, completion, response_of(completion), references, row.get("completion_ids"), index=index)
    if sample.completion_ids is None and tokenize is not None:
        sample.completion_ids = tokenize(sample.policy_text)
        sample.policy_mask = [1] * len(sample.completion_ids)
    return sample


def _turns(row: Mapping[str, Any]) -> tuple[tuple[str, ...], Any, Any]:
    """The columns that hold the sample's text, its prompt and its completion."""
    for column in CONVERSATIONS:
        if row.get(column) is not None:
            return ((column,), *_split(messages_of(row[column], column), column))
    for columns in PAIRS:
        if all(row.get(column) is not None for column in columns):
            prompt, completion = (_text_or_messages(row[column], column) for column in columns)
            if not isinstance(completion, str) and completion and "assistant" not in map(_role, completion):
                raise _no_assistant(columns[1], completion)
            return columns, prompt, completion
    wanted = " or ".join([*CONVERSATIONS, *(" + ".join(pair) for pair in PAIRS)])
    raise RowError(f"no response in this row: it needs {wanted}, and has values for {[n for n, v in row.items() if v is not None]}")


def _split(messages: list[Any], column: str) -> tuple[list[Any], list[Any]]:
    last = next((i for i in reversed(range(len(messages))) if _role(messages[i]) == "assistant"), None)
    if last is None:
        raise _no_assistant(column, messages)
    return messages[:last], messages[last:]


def _no_assistant(column: str, messages: list[Any]) -> RowError:
    return RowError(f"{column!r} has no assistant turn, its roles are {[_role(message) for message in messages]}")


def _text_or_messages(value: Any, column: str) -> Any:
    return value if isinstance(value, str) else messages_of(value, column, "text or a list of messages")


def messages_of(value: Any, column: str, allowed: str = "a list of messages") -> list[Any]:
    """The messages in a column: a list of them, or its JSON text.

    Raises:
        RowError: when it is neither.
    """
    if isinstance(value, str):
        try:
            value = load_json(value)
        except ValueError as error:
            raise RowError(f"{column!r} is text, but not the JSON of a list of messages: {error}") from None
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise RowError(f"{column!r} must be {allowed}, found {type(value).__name__}: {value!r:.80}")
    try:
        for message in value:
            Message.model_validate(message)
    except (ValueError, TypeError) as error:
        raise RowError(f"{column!r}: {error}") from None
    for place, message in enumerate(value):
        if isinstance(message, Mapping) and (wrong := unreadable_in(message)) is not None:
            raise RowError(f"{column!r}: message {place + 1}: {wrong[1]}")
    return list(value)


def _role(message: Any) -> str:
    return message.role if isinstance(message, Message) else message["role"]
