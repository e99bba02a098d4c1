"""Reads a service's config field by field: what is wrong is collected, with the line and the name of the file's own field."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from rl_rewards.rubric_files.errors import Path, Problem, RubricFileError, describe, field_name, listing, nearest
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.user_errors import MissingPackageError

__all__ = ["Fields", "Reading", "camel", "snake"]

Made = TypeVar("Made")
_SNAKE = re.compile(r"_+([a-zA-Z0-9])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def camel(name: str) -> str:
    """`reward_name` as `rewardName`."""
    return _SNAKE.sub(lambda found: found[1].upper(), name)


def snake(name: str) -> str:
    """`rewardName` as `reward_name`."""
    return _CAMEL.sub("_", name).lower()


class Reading:
    """A file that is being read, and the problems found so far."""

    def __init__(self, source: YamlSource) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def refuse(self, path: Path, message: str) -> None:
        """Note what is wrong at a place of the file."""
        self.problems.append(Problem(self.source.line(path), field_name(path), message))

    def made(self, path: Path, make: Callable[[], Made]) -> Made | None:
        """What `make` returns; None where it refuses its options, which is noted as a problem of the place."""
        try:
            return make()
        except ValidationError as error:
            for line in error.errors(include_url=False, include_context=False, include_input=False):
                self.refuse(path, line["msg"].removeprefix("Value error, "))
        except (ValueError, MissingPackageError) as error:
            self.refuse(path, str(error))
        return None

    def finish(self, made: Made | None) -> Made:
        """What was read.

        Raises:
            RubricFileError: when there were problems.
        """
        if self.problems or made is None:
            self.fail()
        return made

    def fail(self) -> NoReturn:
        """Raise RubricFileError with the problems."""
        raise RubricFileError(self.source.name, self.problems or [Problem(1, "", "must hold a reward config")])

    def fields(self, path: Path, value: Any, allowed: Iterable[str], aliases: Callable[[str], str] = str) -> Fields:
        """The fields of a mapping; unknown ones, and one given under two spellings, are problems.

        Args:
            aliases: a spelling of a field's name -> the name.
        """
        allowed = list(allowed)
        found: dict[str, tuple[Path, Any]] = {}
        if not isinstance(value, Mapping):
            self.refuse(path, f"must be a mapping of {listing(allowed)}, got {describe(value)}")
            return Fields(self, path, found, valid=False)
        for key, item in value.items():
            name = aliases(key)
            if name not in allowed:
                self.refuse((*path, key), f"unknown field; allowed: {listing(allowed)}{nearest(name, allowed)}")
            elif name in found:
                self.refuse((*path, key), f"given twice, as {found[name][0][-1]} in line {self.source.line(found[name][0])}")
            elif item is not None:  # null is an absent field
                found[name] = (*path, key), item
        return Fields(self, path, found)


class Fields:
    """The fields of one mapping.

    Attributes:
        valid: whether it is a mapping at all.
    """

    def __init__(self, reading: Reading, path: Path, found: Mapping[str, tuple[Path, Any]], valid: bool = True) -> None:
        self._reading = reading
        self._found = found
        self.path = path
        self.valid = valid

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def path_of(self, name: str) -> Path:
        """The place of a field, as the file spells it; where it is absent, the place where it should be."""
        return self._found[name][0] if name in self._found else (*self.path, name)

    def value(self, name: str) -> Any:
        """A field's value as it is; None where it is absent."""
        return self._found[name][1] if name in self._found else None

    def text(self, name: str, required: bool = False) -> str | None:
        """A field of text; None where it is absent or wrong."""
        return self._typed(name, required, lambda value: isinstance(value, str), "text")

    def number(self, name: str, required: bool = False) -> float | None:
        """A field that holds a finite number; text of a number is none."""
        value = self._typed(name, required, _is_finite, "a finite number")
        return None if value is None else float(value)

    def integer(self, name: str, required: bool = False) -> int | None:
        """A field that holds a whole number, which ProtoJSON writes as text where it has 64 bits."""
        value = self._typed(name, required, lambda value: _integer(value) is not None, "a whole number")
        return None if value is None else _integer(value)

    def truth(self, name: str) -> bool | None:
        """A field that is true or false."""
        return self._typed(name, False, lambda value: isinstance(value, bool), "true or false")

    def choice(self, name: str, choices: Sequence[str], required: bool = False) -> str | None:
        """A field of one of some names, whatever the case of its letters."""
        value = self._typed(name, required, lambda value: isinstance(value, str), f"one of {listing(choices)}")
        if value is None or value.upper() in choices:
            return None if value is None else value.upper()
        near = _nearest_name(value.upper(), choices)
        self._reading.refuse(self.path_of(name), f"must be one of {listing(choices)}, got {describe(value)}{near}")
        return None

    def list(self, name: str, required: bool = False) -> list[tuple[Path, Any]]:
        """The items of a list, each with its place."""
        value = self._typed(name, required, lambda value: isinstance(value, list), "a list")
        return [((*self.path_of(name), index), item) for index, item in enumerate(value or ())]

    def fields(self, name: str, allowed: Iterable[str], aliases: Callable[[str], str] = str) -> Fields | None:
        """The fields of a mapping in this one; None where it is absent."""
        if name not in self._found:
            return None
        path, value = self._found[name]
        return self._reading.fields(path, value, allowed, aliases)

    def exactly_one(self, names: Sequence[str], what: str) -> str | None:
        """The one of some fields that is given; none and several are problems."""
        given = [name for name in names if name in self._found]
        if len(given) == 1:
            return given[0]
        if self.valid:
            found = " and ".join(given) if given else "none"
            place = self.path_of(given[1]) if given else self.path
            self._reading.refuse(place, f"must have exactly one {what}, one of {listing(names)}; got {found}")
        return None

    def _typed(self, name: str, required: bool, fits: Callable[[Any], bool], rule: str) -> Any:
        if name not in self._found:
            if required and self.valid:
                self._reading.refuse(self.path, f"needs {name!r}, which is {rule}")
            return None
        path, value = self._found[name]
        if fits(value):
            return value
        quotes = "; write it in quotes" if rule == "text" and isinstance(value, (bool, int, float)) else ""
        self._reading.refuse(path, f"must be {rule}, got {describe(value)}{quotes}")
        return None


def _nearest_name(found: str, choices: Sequence[str]) -> str:
    """A hint at the name that begins with what was found, or else looks like it."""
    begins = [each for each in choices if found and each.startswith(found)]
    match = begins or difflib.get_close_matches(found, choices, n=1)
    return f"; did you mean {match[0]!r}?" if match else ""


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value) else None
