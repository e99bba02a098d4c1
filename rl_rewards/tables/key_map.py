"""Which of a dataset's columns hold prompt, response and references, as Reward Kit's --huggingface-*-key options say it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.rubric_files.errors import nearest
from rl_rewards.tables.readers import Row, TableError
from rl_rewards.types.rows import CONVERSATIONS, PAIRS

__all__ = ["KeyMap", "key_map_of"]

PROMPT, RESPONSE = "prompt", "response"


@dataclass(frozen=True)
class KeyMap:
    """Names of columns.

    Attributes:
        prompt: the column with the prompt, text or messages; None for `prompt`, where the row has it.
        response: the column with the response to score; None for `response`, where the row has it.
        columns: a column's name in the dataset -> the name under which rewards read it.
    """

    prompt: str | None = None
    response: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows as `sample_of` reads them; a row without a column that was named has that as its problem."""
        for row in rows:
            if row.values is not None:
                try:
                    row.values = self._mapped(row.values)
                except TableError as error:
                    row.values, row.problem = None, str(error)
            yield row

    def _mapped(self, values: Mapping[str, Any]) -> dict[str, Any]:
        for name in (self.prompt, self.response, *self.columns):
            if name is not None and name not in values:
                raise TableError(f"the row must have the column {name!r} that was named, it has {sorted(values)}{nearest(name, values)}")
        prompt, response = self.prompt or PROMPT, self.response or RESPONSE
        renamed = {self.columns.get(name, name): value for name, value in values.items() if name not in (prompt, response)}
        if prompt not in values or response not in values:
            if self.prompt is None and self.response is None:
                return {self.columns.get(name, name): value for name, value in values.items()}  # of a form that needs no names
            missing = prompt if prompt not in values else response
            raise TableError(f"the row must have the column {missing!r}, it has {sorted(values)}{nearest(missing, values)}")
        return {**self._without_other_forms(renamed), PROMPT: values[prompt], "completion": values[response]}

    @staticmethod
    def _without_other_forms(values: dict[str, Any]) -> dict[str, Any]:
        """Without a conversation or an answer that goes with another name for the response: what was named is what is scored."""
        return {name: value for name, value in values.items() if name not in CONVERSATIONS and name not in dict(PAIRS).values()}


def key_map_of(prompt: str | None, response: str | None, text: str | None) -> KeyMap:
    """The key map of three options: two names, and a JSON object of names, {"column of the dataset": "name for rewards"}.

    Raises:
        TableError: when the text is no such object, or renames two columns to one.
    """
    columns: Any = {}
    if text:
        try:
            columns = json.loads(text)
        except ValueError as error:
            raise TableError(f'the key map must be a JSON object, such as {{"gold": "ground_truth"}}, got {text!r}: {error}') from None
    if not isinstance(columns, dict) or not all(isinstance(name, str) and name for name in columns.values()):
        raise TableError(f'the key map must be a JSON object of names, such as {{"gold": "ground_truth"}}, got {text!r}')
    twice = sorted({name for name in columns.values() if list(columns.values()).count(name) > 1})
    if twice:
        raise TableError(f"the key map must give every column a name of its own, got {twice[0]!r} more than once")
    return KeyMap(prompt, response, columns)
