"""Rows of a dataset -> prompts, and prompts with completions -> rows to score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.generation.model import Completion, Turns
from rl_rewards.types.messages import Message
from rl_rewards.types.rows import CONVERSATIONS, RowError, messages_of

__all__ = ["ADDED", "prompt_of", "row_with"]

ADDED = ("prompt", "completion", "completion_ids", "sample", "finish_reason")
"""Columns that `row_with` sets: the row's own of these names are replaced."""


def prompt_of(row: Mapping[str, Any]) -> Turns:
    """The prompt in a row: `prompt`, or the turns of `messages` or `conversation` before the last assistant turn, or `instruction`.

    Raises:
        RowError: when there is none, or it is empty.
    """
    for name in ("prompt", *CONVERSATIONS, "instruction"):
        if (value := row.get(name)) is None:
            continue
        if isinstance(value, str) and name not in CONVERSATIONS:
            turns: Turns = value
        else:
            turns = [_turn(turn) for turn in messages_of(value, name)]
            if name in CONVERSATIONS:
                turns = _before_the_answer(turns)
        if not turns:
            raise RowError(f"{name!r} must hold a prompt, found it empty")
        return turns
    has = [name for name, value in row.items() if value is not None]
    raise RowError(f"no prompt in this row: it needs prompt, messages, conversation or instruction, and has values for {has}")


def row_with(row: Mapping[str, Any], prompt: Turns, completion: Completion, sample: int = 0) -> dict[str, Any]:
    """A row to score: the row's columns with the prompt as it was asked, the completion, and its number among those to this prompt.

    Args:
        prompt: text, or messages; the completion then is messages as well, as TRL has them.
    """
    kept = {name: value for name, value in row.items() if name not in (*CONVERSATIONS, "instruction", "response", *ADDED)}
    text: Any = completion.text if isinstance(prompt, str) and completion.reasoning is None else [completion.message]
    ids = {} if completion.token_ids is None else {"completion_ids": completion.token_ids}
    return {**kept, "prompt": prompt, "completion": text, **ids, "sample": sample, "finish_reason": completion.finish_reason}


def _turn(turn: Any) -> dict[str, Any]:
    """A message without the fields that Parquet and datasets fill up with null."""
    fields = turn.model_dump() if isinstance(turn, Message) else turn
    return {name: value for name, value in fields.items() if value is not None or name == "content"}


def _before_the_answer(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns before the last assistant turn, or all of them where a user has the last word."""
    last = next((i for i in reversed(range(len(turns))) if turns[i]["role"] == "assistant"), None)
    return turns if last is None or turns[-1]["role"] == "user" else turns[:last]
