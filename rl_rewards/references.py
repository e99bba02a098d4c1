"""References: what a scorer compares an answer with, taken from the dataset's columns.

A reference is written as a column's name (`reference: answer`) or as a template (`equals: "{{references.answer}}"`, also inside a longer
text, with dots into nested columns: `{{references.meta.unit}}`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

from rl_rewards.types import MissingReferenceError, Sample

# Applied to rubric files, which people write; never to what a model writes.
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_EXACT_INTEGERS = 2**53  # a larger float may stand for several integers
_PATH = re.compile(r"\s*references((?:\.[^\s.{}]+)+)\s*")


_OPEN = re.compile(r"\{\{\s*(?:references|item|sample)\s*\.")


def check_closed(text: str, literal: str) -> None:
    """Check that no placeholder in the literal part of a text lacks its end: it would be compared as it is written.

    Raises:
        ValueError: when one does.
    """
    if (found := _OPEN.search(literal)) is not None:
        raise ValueError(f"a placeholder must end with '}}}}', got {literal[found.start() :]!r:.80} in {text!r:.200}")


class Template:
    """Text with placeholders `{{references.column}}`.

    Raises:
        ValueError: when a placeholder is not of that form.
    """

    __slots__ = ("text", "_parts", "whole", "columns")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[str | tuple[str, ...]] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            path = _PATH.fullmatch(match[1])
            if path is None:
                raise ValueError(f"Unknown placeholder {match[0]!r} in {text!r}: allowed is '{{{{references.COLUMN}}}}'")
            if match.start() > end:
                self._parts.append(text[end : match.start()])
            self._parts.append(tuple(path[1].split(".")[1:]))
            end = match.end()
        if end < len(text):
            check_closed(text, text[end:])
            self._parts.append(text[end:])
        paths = [part for part in self._parts if isinstance(part, tuple)]
        self.whole = paths[0] if len(self._parts) == 1 and paths else None
        self.columns = frozenset(path[0] for path in paths)

    def value(self, sample: Sample) -> Any:
        """The value for one sample: the column's own value (of any type) for a lone placeholder, else text.

        Raises:
            MissingReferenceError: when a column that it names is absent or empty in this row.
        """
        if self.whole is not None:
            return lookup(sample.references, self.whole)
        return self.filled(lambda path: text_of(lookup(sample.references, path)))

    def filled(self, text_of: Callable[[tuple[str, ...]], str]) -> str:
        """The text with `text_of(path)` for each placeholder."""
        return "".join(part if isinstance(part, str) else text_of(part) for part in self._parts)


def text_of(value: Any) -> str:
    """The text of a value: a whole number is written as one, also where a reader that guesses types made a float of it (12.0 is "12").

    Raises:
        MissingReferenceError: for a date or time, which such a reader made of a text that nobody can know any more.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (date, time)):
        raise MissingReferenceError(
            f"a {type(value).__name__} has no one spelling, got {value}: a reader that guesses types made it of text; "
            f"read the file with rl_rewards.tables.datasets.load_dataset, or cast the column to text"
        )
    return str(int(value)) if is_whole_float(value) else str(value)


def is_whole_float(value: Any) -> bool:
    """Whether a value is a float, numpy's included, that stands for exactly one integer."""
    if not isinstance(value, Real) or isinstance(value, Integral):
        return False
    number: Any = value
    return bool(abs(number) < _EXACT_INTEGERS) and float(number).is_integer()


@lru_cache(maxsize=1024)
def template(text: str) -> Template:
    """The Template of `text`, compiled once."""
    return Template(text)


@lru_cache(maxsize=1024)
def column_template(reference: str) -> Template:
    """The Template of a `reference:` option, which may be a bare column name."""
    return Template(reference if "{{" in reference else f"{{{{references.{reference}}}}}")


def lookup(references: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What a row's columns hold under a path.

    Raises:
        MissingReferenceError: when that is absent or empty.
    """
    value: Any = references
    for depth, key in enumerate(path):
        if not (value.__class__ is dict or isinstance(value, Mapping)) or key not in value:
            where = ".".join(path[: depth + 1])
            raise MissingReferenceError(f"no reference {where!r} in this row; it has {sorted(references)}", path)
        value = value[key]
    if value.__class__ is str and value and not value[0].isspace():  # what most references are
        return value
    if (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, (list, tuple)) and not value)
        or (isinstance(value, float) and value != value)  # NaN is how some readers spell an empty cell
    ):
        raise MissingReferenceError(f"the reference {'.'.join(path)!r} of this row is empty: {value!r}", path)
    return value
