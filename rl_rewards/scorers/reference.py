"""The `reference` option: a column, a template of columns, or one of these read by a parser."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from rl_rewards.configured import configured
from rl_rewards.parsers import parser
from rl_rewards.parsers.base import Parser
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.types import Sample

__all__ = ["Reference", "columns_of", "path_of", "value_of"]


@configured
class Reference:
    """A row's reference, found in it by a parser: `reference: {column: answer, parse: {after: "####"}}` reads raw GSM8K.

    Raises:
        ValueError: when the column or the parser is not one.
    """

    column: str
    """The dataset column that holds it, or a template such as "{{references.answer}}"."""
    parse: Annotated[InstanceOf[Parser], BeforeValidator(parser)] | None = None
    """What finds the reference in the column's text, as for a response."""

    def __post_init__(self) -> None:
        column_template(self.column)


def columns_of(reference: str | Reference) -> frozenset[str]:
    """The dataset columns that a `reference` option reads."""
    return column_template(reference if isinstance(reference, str) else reference.column).columns


def path_of(reference: str | Reference) -> tuple[str, ...]:
    """The column that a `reference` option is, and the keys in it; empty where it is put together from several."""
    return column_template(reference if isinstance(reference, str) else reference.column).whole or ()


def value_of(reference: str | Reference) -> Callable[[Sample], Any]:
    """What gives a sample's reference: a function that raises MissingReferenceError where the row has none."""
    if isinstance(reference, str):
        return column_template(reference).value
    raw = column_template(reference.column).value
    return raw if reference.parse is None else lambda sample: _parsed(raw(sample), reference)


def _parsed(value: Any, reference: Reference) -> Any:
    if isinstance(value, (list, tuple)):
        return [_parsed(item, reference) for item in value if item is not None]
    text = value if isinstance(value, str) else str(value)
    try:
        hash(reference)
    except TypeError:  # a parser of the user's own, with a list or a mapping among its options
        return _found(text, reference)
    found = _found_once(text, reference)
    return found if found.__class__ is str else copy.deepcopy(found)  # a scorer may change what it is given


def _found(text: str, reference: Reference) -> Any:
    assert reference.parse is not None
    found = reference.parse.parse(text)
    if found is None or (isinstance(found, str) and not found.strip()):
        raise MissingReferenceError(f"{reference.parse!r} finds no reference in column {reference.column!r}: {text!r:.80}", path_of(reference))
    return found


_found_once = lru_cache(maxsize=65536)(_found)
"""`_found`, once for all the completions of a group and every epoch."""
