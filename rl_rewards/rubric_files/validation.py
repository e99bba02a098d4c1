"""What pydantic found wrong with a rubric, in the words and at the lines of its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from pydantic import ValidationError

from rl_rewards.aggregates.base import AggregateError
from rl_rewards.parsers.chain import Chain
from rl_rewards.pipeline.order import UncomputableError
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import Path, Problem, describe, field_name, listing, nearest
from rl_rewards.rubric_files.locations import aliases_of, kinds_of, locate, option_names, positional_names, spelled
from rl_rewards.rubric_files.yaml_source import YamlSource

VERSION = 1
"""The version of rubric files that this package reads and writes."""

_ALLOWED = {
    "string_type": "text",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping of fields",
    "none_required": "nothing",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def name_problems(source: YamlSource) -> list[Problem]:
    """Problems of the names of rewards: one that is given twice, a gate that names none."""
    rewards = source.data.get("rewards")
    if not isinstance(rewards, list):
        return []
    names = [reward.get("name") if isinstance(reward, Mapping) else None for reward in rewards]
    problems = []
    for i, (reward, name) in enumerate(zip(rewards, names)):
        path: Path = ("rewards", i, "name")
        if isinstance(name, str) and name in names[:i]:
            first = source.line(("rewards", names.index(name), "name"))
            problems.append(Problem(source.line(path), field_name(path), f"the names of rewards must be unique, got {name!r}, first in line {first}"))
        gate = reward.get("gate") if isinstance(reward, Mapping) else None
        gated_by = gate.get("reward") if isinstance(gate, Mapping) else None
        if isinstance(gated_by, str) and gated_by not in names:
            path = ("rewards", i, "gate", "reward")
            known = [each for each in names if isinstance(each, str)]
            message = f"must be the name of a reward, got {gated_by!r}; there are {listing(known)}{nearest(gated_by, known)}"
            problems.append(Problem(source.line(path), field_name(path), message))
    return problems


def version_problem(source: YamlSource) -> Problem | None:
    """The Problem of a file of another version than this reader's; a file without one is of version 1."""
    version = source.data.get("version", VERSION)
    if type(version) is int and version == VERSION:
        return None
    later = type(version) is int and version > VERSION
    message = f"this file is version {version}, this rl_rewards reads {VERSION}" if later else f"must be {VERSION}, got {describe(version)}"
    return Problem(source.line(("version",)), "version", message)


def remote_code(data: Any, path: Path = ()) -> Iterator[Path]:
    """Where a file's data asks to run code that comes with a checkpoint."""
    pairs = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        if key == "trust_remote_code" and value is not False:
            yield (*path, key)
        yield from remote_code(value, (*path, key))


def problems_of(error: ValidationError, source: YamlSource) -> list[Problem]:
    """A Problem for each field that pydantic refused."""
    messages: dict[Path, list[str]] = {}
    allowed: dict[Path, list[str]] = {}
    found: dict[Path, Any] = {}
    for line in error.errors(include_url=False, include_context=True):
        path, _shape = locate(Rubric, source.data, line["loc"])
        kind, context = line["type"], line.get("ctx", {})
        if kind in ("unexpected_keyword_argument", "extra_forbidden"):
            parent = locate(Rubric, source.data, line["loc"][:-1])[1]
            messages.setdefault(path, []).append(_unknown_field(path[-1], parent))
        elif kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
            messages.setdefault(path, []).append(_missing(line["loc"][-1]))
        elif kind in _ALLOWED or kind == "literal_error":
            found.setdefault(path, line["input"])
            choice = context["expected"] if kind == "literal_error" else _ALLOWED[kind].format_map(context)
            if choice not in allowed.setdefault(path, []):
                allowed[path].append(choice)
        else:
            path = _place_of_formula(context.get("error"), source) or _place_of_aggregate(context.get("error"), source) or path
            messages.setdefault(path, []).append(line["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, "))
    for path, choices in allowed.items():
        near = nearest(found[path], re.findall(r"'(\w+)'", " ".join(choices)))
        quotes = "; write it in quotes" if "text" in choices and isinstance(found[path], (bool, int, float)) else ""
        messages.setdefault(path, []).append(f"found {describe(found[path])}, allowed: {' or '.join(choices)}{near}{quotes}")
    return [Problem(source.line(path), field_name(path), message) for path, texts in messages.items() for message in dict.fromkeys(texts)]


def _place_of_formula(error: Any, source: YamlSource) -> Path | None:
    """Where the file has the scorer that cannot be computed from other rewards."""
    if not isinstance(error, UncomputableError):
        return None
    names = [reward.get("name") for reward in source.data["rewards"]]
    return locate(Rubric, source.data, ("rewards", names.index(error.reward), "score"))[0]


def _place_of_aggregate(error: Any, source: YamlSource) -> Path | None:
    """Where the file has the aggregate, or its option, that does not fit the rewards."""
    if not isinstance(error, AggregateError):
        return None
    path: Path = ("aggregates", error.place)
    spec = source.data["aggregates"][error.place]
    [(kind, options)] = spec.items()
    option = str(error).partition(" ")[0]
    return (*path, kind, option) if isinstance(options, Mapping) and option in options else path


def _unknown_field(field: str | int, owner: Any) -> str:
    names = option_names(owner) if isinstance(owner, type) else []
    return f"unknown field; allowed: {listing(names)}{nearest(field, names)}"


def _missing(field: str | int) -> str:
    return f"needs an item {field + 1}" if isinstance(field, int) else f"needs a field {field!r}"


def coercions(rubric: Rubric, source: YamlSource) -> list[Problem]:
    """Values that were read as another type than the file gives them: `weight: "1.0"`, `full: 1`.

    pydantic converts these for Python callers; in a file they are errors, and an editor that knows the schema calls them so too.
    """
    fields = {name: value for name, value in source.data.items() if name != "version"}
    return [
        Problem(source.line(path), field_name(path), f"found {describe(found)}, allowed: {_type_name(built)}")
        for path, found, built in _pairs(rubric, fields, ())
        if _type_name(found) != _type_name(built) and _type_name(built) is not None
    ]


def _pairs(built: Any, found: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """(path, value in the file, value that was made of it) for every plain value that both have."""
    kinds = kinds_of(built)
    if isinstance(built, Chain):
        built, kinds = built.parsers, None
    if kinds is not None:
        spec = spelled(kinds, found)
        if spec is None or not is_dataclass(built):
            return
        kind, options = spec
        if isinstance(options, Mapping):
            found, path = options, (*path, kind)
        elif options is not None:
            yield from _pairs(getattr(built, positional_names(type(built))[0]), options, (*path, kind))
            return
        else:
            return
    if is_dataclass(built) and isinstance(found, Mapping):
        aliases = aliases_of(type(built))
        for name, value in found.items():
            yield from _pairs(getattr(built, aliases.get(name) or name), value, (*path, name))
    elif isinstance(built, (list, tuple)) and isinstance(found, list):
        for index, (value, item) in enumerate(zip(built, found)):
            yield from _pairs(value, item, (*path, index))
    elif isinstance(built, Mapping) and isinstance(found, Mapping):
        for name, value in found.items():
            if name in built:
                yield from _pairs(built[name], value, (*path, name))
    else:
        yield path, found, built


def _type_name(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    return "text" if isinstance(value, str) else None
