"""Addresses: where in plain data a value is, written `tool_calls[0].arguments.city`.

An address is keys with dots between them and places of lists in brackets, from 0. A key with other characters than letters, digits, `_`
and `-` is written in brackets and quotes: `item['unit price']`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rl_rewards.json_text import load_json

__all__ = ["Address", "NoSuchValueError", "address"]

_LONGEST = 1000  # characters of an address; people write them
_FIRST = re.compile(r"[^\W\d][\w-]*")
_STEP = re.compile(r"""\.([\w-]+)|\[(\d{1,9})\]|\[\s*'([^'\]]*)'\s*\]|\[\s*"([^"\]]*)"\s*\]""")


class NoSuchValueError(LookupError):
    """There is nothing at an address: the message names the step that fails and what is there instead."""


class Address:
    """The way to a value in plain data.

    Raises:
        ValueError: when the text is no address; the message marks the place.

    Example:
        >>> Address("calls[1].arguments.city").of({"calls": [{}, {"arguments": {"city": "Bern"}}]})
        'Bern'
    """

    __slots__ = ("text", "steps")

    def __init__(self, text: str) -> None:
        first = _FIRST.match(text) if len(text) <= _LONGEST else None
        if first is None:
            raise ValueError(f"an address must begin with a name, such as tool_calls[0].name, got {text!r:.80}")
        steps: list[str | int] = [first[0]]
        end = first.end()
        while end < len(text):
            step = _STEP.match(text, end)
            if step is None:
                raise ValueError(f"an address goes on with .key, [0] or ['key'], got {text[end:]!r:.40} after {text[:end]!r} in {text!r:.80}")
            key, place, single, double = step.groups()
            steps.append(int(place) if place is not None else next(name for name in (key, single, double) if name is not None))
            end = step.end()
        self.text = text
        self.steps = tuple(steps)

    def of(self, value: Any, *, read_text: bool = False, skip: int = 0) -> Any:
        """The value at this address in plain data.

        Args:
            read_text: whether a step into text reads the text as JSON first: OpenAI's APIs give the arguments of a call so.
            skip: how many of its first steps have been taken already.

        Raises:
            NoSuchValueError: when there is none.
        """
        for number in range(skip, len(self.steps)):
            step = self.steps[number]
            if read_text and isinstance(value, str):
                value = _read(value)
            there = step < len(value) if isinstance(step, int) and isinstance(value, (list, tuple)) else isinstance(value, Mapping) and step in value
            if not there:
                raise NoSuchValueError(f"there is no {self.upto(number)}: {_found(self.upto(number - 1), value)}")
            inside: Any = value
            value = inside[step]
        return value

    def upto(self, number: int) -> str:
        """The address of the step of this number, from 0, as people write it."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps[: number + 1])
        return text.removeprefix(".")

    def __repr__(self) -> str:
        return f"Address({self.text!r})"


@lru_cache(maxsize=4096)
def address(text: str) -> Address:
    """The Address of a text, read once."""
    return Address(text)


def _read(text: str) -> Any:
    try:
        return load_json(text)
    except ValueError:
        return text


def _found(where: str, value: Any) -> str:
    what = f"{where} is" if where else "this is"
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:12]))
        return f"{what} an object of {names}" if names else f"{what} an empty object"
    if isinstance(value, (list, tuple)):
        return f"{what} a list of {len(value)}"
    return f"{what} {'null' if value is None else type(value).__name__}"
