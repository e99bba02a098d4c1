"""From the place where pydantic says that something is wrong to its place in the file."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import AliasChoices

from rl_rewards import aggregates, parsers, scorers
from rl_rewards.kinds import Kinds
from rl_rewards.rubric_files.errors import Path

TABLES = (parsers.KINDS, scorers.KINDS, aggregates.KINDS)
"""All tables of kinds that a rubric file names."""

Shape = type | Kinds | None
"""What a value of the file is read as: a configured class, one of the kinds of a table, or plain data (None)."""


def kinds_of(value: Any) -> Kinds | None:
    """The table that a parser, a scorer, an aggregate or a class of these belongs to."""
    cls = value if isinstance(value, type) else type(value)
    return next((kinds for kinds in TABLES if issubclass(cls, kinds.base)), None)


def option_names(cls: type) -> list[str]:
    """The options of a configured class as a file may name them, its own before those that all of its family have."""
    return positional_names(cls) + [field.name for field in fields(cls) if field.init and field.kw_only]


def positional_names(cls: type) -> list[str]:
    """The options whose name Python callers may leave out; a file may leave out the first one's."""
    return [field.name for field in fields(cls) if field.init and not field.kw_only]


def aliases_of(cls: type) -> dict[str, str]:
    """The other names by which a file may call the options of a configured class: alias -> option."""
    found = {}
    for name, declared in getattr(cls, "__pydantic_fields__", {}).items():
        alias = declared.validation_alias
        for choice in alias.choices if isinstance(alias, AliasChoices) else (alias,):
            if isinstance(choice, str) and choice != name:
                found[choice] = name
    return found


def shape_of_field(cls: type, name: str) -> Shape:
    """What the values of a field are read as, through Optional, Annotated, tuple and list."""
    name = aliases_of(cls).get(name, name)
    hints = typing.get_type_hints(cls, include_extras=True)
    return _shape_of_hint(hints[name]) if name in hints else None


def _shape_of_hint(hint: Any) -> Shape:
    if isinstance(hint, type) and not typing.get_args(hint):
        return kinds_of(hint) or (hint if is_dataclass(hint) else None)
    return next((shape for arm in typing.get_args(hint) if (shape := _shape_of_hint(arm)) is not None), None)


def spelled(kinds: Kinds, spec: Any) -> tuple[str, Any] | None:
    """The kind and the options that a spec spells; None when it spells none."""
    if isinstance(spec, str) and kinds.knows(spec):
        return spec, None
    if isinstance(spec, Mapping) and len(spec) == 1:
        [(kind, options)] = spec.items()
        return (kind, options) if kinds.knows(kind) else None
    return None


def locate(root: type, data: Any, loc: Path) -> tuple[Path, Shape]:
    """The place of a pydantic error's `loc` in a file's data, and what the value there is read as.

    The two differ: the file has a kind between `score` and its options, may leave a first option's name out, and lacks pydantic's
    labels of the arms of a union.

    Args:
        root: the class that the whole file is read as.
        data: the file's data.
        loc: as pydantic gives it.

    Returns:
        The longest path that the file has.
    """
    path: Path = ()
    shape: Shape = root
    for step in loc:
        path, shape, data = _past_kind(path, shape, data)
        if isinstance(data, Mapping) and isinstance(shape, type) and step not in data:
            step = next((alias for alias, name in aliases_of(shape).items() if name == step and alias in data), step)
        if isinstance(data, Mapping) and step in data:
            shape = shape_of_field(shape, str(step)) if isinstance(shape, type) else None
        elif isinstance(shape, type) and isinstance(step, str) and not isinstance(data, (Mapping, list)):
            shape = shape_of_field(shape, step)  # the value of a first option whose name is left out
            continue
        elif not (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            continue
        inside: Any = data
        path, data = (*path, step), inside[step]
    path, shape, data = _past_kind(path, shape, data)
    return path, shape


def _past_kind(path: Path, shape: Shape, data: Any) -> tuple[Path, Shape, Any]:
    """From a spec to its options; elsewhere nothing changes."""
    spec = spelled(shape, data) if isinstance(shape, Kinds) and isinstance(data, Mapping) else None
    if spec is None or not isinstance(shape, Kinds):
        return path, shape, data
    kind, options = spec
    try:
        return (*path, kind), shape.load(kind), options
    except ValueError:  # a path that leads to no such class, which is what is wrong here
        return (*path, kind), None, None
