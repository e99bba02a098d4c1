"""The rows that a rubric is audited on: prompts, and the columns that a trainer would pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rl_rewards.types.messages import text_of
from rl_rewards.user_errors import UserError

__all__ = ["AuditError", "Row", "rows_of"]

_PROMPTS = ("prompt", "messages", "conversation", "question", "problem", "instruction", "query", "input")
_NOT_PASSED = frozenset({"prompt", "completion", "completions", "prompts", "completion_ids", "response"})


class AuditError(UserError, ValueError):
    """A rubric cannot be audited on these rows."""


@dataclass(frozen=True)
class Row:
    """A row: `prompt` as a trainer passes it, its text, the dataset's other columns, and its number in the data, from 1."""

    prompt: Any
    columns: Mapping[str, Any]
    number: int

    @property
    def is_chat(self) -> bool:
        """Whether the prompt is a list of messages, so that completions are as well."""
        return not isinstance(self.prompt, str)

    @property
    def question(self) -> str:
        """The text of the last user message."""
        if isinstance(self.prompt, str):
            return self.prompt
        turns = [turn for turn in self.prompt if turn.get("role") == "user"]
        return text_of(turns[-1].get("content")) if turns else ""

    @property
    def prompt_text(self) -> str:
        """The text of all messages of the prompt."""
        return self.prompt if isinstance(self.prompt, str) else "\n".join(text_of(turn.get("content")) for turn in self.prompt)


def rows_of(data: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows of a dataset; every row has every column, None where it has no value.

    Raises:
        AuditError: when there are none, or one has no prompt.
    """
    raw = [dict(row) for row in data]
    if not raw:
        raise AuditError("an audit needs rows, got none")
    names = list(dict.fromkeys(name for row in raw for name in row))
    source = next((name for name in _PROMPTS if any(row.get(name) is not None for row in raw)), None)
    if source is None:
        raise AuditError(f"rows to audit on must have a prompt, got the columns {names}")
    kept = [name for name in names if name not in _NOT_PASSED and not (name == source and source in ("messages", "conversation"))]
    rows = []
    for number, row in enumerate(raw, 1):
        prompt = row.get(source)
        if source in ("messages", "conversation") and isinstance(prompt, list):
            last = max((i for i, turn in enumerate(prompt) if turn.get("role") == "assistant"), default=len(prompt))
            prompt = prompt[:last]
        if not (isinstance(prompt, str) or (isinstance(prompt, list) and all(isinstance(turn, Mapping) for turn in prompt))):
            raise AuditError(f"row {number}: {source!r} must be text or a list of messages, got {type(prompt).__name__}: {prompt!r:.80}")
        rows.append(Row(prompt, {name: row.get(name) for name in kept}, number))
    return rows
