"""What tells groups apart: which rows hold completions to one prompt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl_rewards.aggregates.problems import prompt_text
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.tables.readers import Row, TableError
from rl_rewards.types.rows import RowError, sample_of

__all__ = ["BY_PROMPT", "GroupKey"]

_ID = "prompt_id"


@dataclass(frozen=True)
class GroupKey:
    """How rows are grouped. Rows are of one group where all of these columns have equal values.

    Attributes:
        columns: names of columns, which every row must have; without any, a row's group is its `prompt_id`, and of a row without one its prompt.
    """

    columns: tuple[str, ...] = ()

    def text(self, values: Mapping[str, Any], prompt: Any) -> str:
        """A text that is equal for rows of one group.

        Raises:
            TableError: when a column has no value.
        """
        if not self.columns:
            if (number := values.get(_ID)) is not None:
                return f"id {_json([number])}"
            return f"{'text' if isinstance(prompt, str) else 'messages'} {prompt_text(prompt)}"
        missing = [name for name in self.columns if values.get(name) is None]
        if missing:
            near = nearest(missing[0], values) if missing[0] not in values else ""
            raise TableError(f"every row must have a value in column {missing[0]!r}, by which rows are grouped; this one has {sorted(values)}{near}")
        return f"columns {_json([values[name] for name in self.columns])}"

    def of(self, row: Row) -> str | None:
        """The text of a row; None for one that is no sample.

        Raises:
            TableError: as `text`, naming the row.
        """
        if row.values is None:
            return None
        try:
            prompt = sample_of(row.values).prompt
        except RowError:
            return None
        try:
            return self.text(row.values, prompt)
        except TableError as error:
            raise TableError(f"row {row.number}: {error}") from None

    @staticmethod
    def digest(text: str) -> bytes:
        """16 bytes that stand for a text."""
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def describe(self) -> str:
        """By what rows are grouped, in words."""
        if self.columns:
            return f"by {' and '.join(self.columns)}"
        return f"by {_ID}, else by prompt"


BY_PROMPT = GroupKey()


def _json(values: list[Any]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str, sort_keys=True)
