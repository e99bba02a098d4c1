"""A text that a regular expression matches, with a mark where the answer goes: how a pattern in a rubric or in code shows its format."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["MARK", "FILLER", "followed_by", "sample_of_pattern"]

MARK = "\x00"
"""Stands for the answer in a template."""
FILLER = "I read it with care"
"""Stands for free text."""

_WORD_CATEGORIES = {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "w", "CATEGORY_NOT_DIGIT": "w", "CATEGORY_NOT_SPACE": "w"}
_WIDE = 20  # an upper bound of a repetition from which on it stands for free text


def sample_of_pattern(pattern: str, group: int | None = None, flags: int = 0) -> str | None:
    """A template that the pattern matches: MARK stands for what `group` catches, free text for other wild cards.

    Args:
        group: whose content is the answer; by default the last group, or where there is none the last wild card.
        flags: of `re`.

    Returns:
        The template; None where the pattern cannot be read, or nothing in it could hold an answer.
    """
    parser: Any = re.__dict__["_parser"]
    try:
        compiled = re.compile(pattern, flags)
        parsed = parser.parse(pattern, flags)
    except (re.error, ValueError, OverflowError, RecursionError, TypeError):
        return None
    chosen = group if group is not None else compiled.groups or None
    sampler = _Sampler(chosen)
    text = sampler.sequence(parsed)
    if MARK not in text:
        if chosen is not None and sampler.last_wild is None:
            return None
        parts = text.split(_WILD)
        if len(parts) < 2:
            return None
        text = _WILD.join(parts[:-1]) + MARK + parts[-1]
    return text.replace(_WILD, FILLER)


def followed_by(pattern: str, more: str) -> str:
    """A pattern with more behind all of it; flags at its start, such as `(?i)`, stay there."""
    flags = re.match(r"(?:\(\?[aiLmsux]+\))*", pattern)
    start = flags.end() if flags is not None else 0
    return f"{pattern[:start]}(?:{pattern[start:]}){more}"


_WILD = "\x01"


class _Sampler:
    def __init__(self, group: int | None) -> None:
        self._group = group
        self._caught: dict[int, str] = {}
        self.last_wild: int | None = None

    def sequence(self, nodes: Any) -> str:
        return "".join(self._node(str(operation), argument) for operation, argument in nodes)

    def _node(self, operation: str, argument: Any) -> str:
        if operation == "LITERAL":
            return chr(argument)
        if operation in ("NOT_LITERAL", "ANY"):
            return "w"
        if operation == "IN":
            return _one_of(argument)
        if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, inner = argument
            if _is_wild(inner) and int(high) > _WIDE:
                self.last_wild = 1
                return _WILD
            return self.sequence(inner) * max(int(low), 0)
        if operation == "SUBPATTERN":
            number, _, _, inner = argument
            text = MARK if number is not None and number == self._group else self.sequence(inner)
            if number is not None:
                self._caught[number] = text
            return text
        if operation == "BRANCH":
            return self.sequence(argument[1][0])
        if operation == "GROUPREF":
            return self._caught.get(argument, "")
        if operation == "ATOMIC_GROUP":
            return self.sequence(argument)
        return ""  # anchors and look-arounds


def _is_wild(inner: Any) -> bool:
    """Whether a repeated part stands for free text."""
    nodes = list(inner)
    if len(nodes) != 1:
        return any(str(operation) == "ANY" for operation, _ in nodes)
    operation, argument = str(nodes[0][0]), nodes[0][1]
    if operation in ("ANY", "NOT_LITERAL"):
        return True
    if operation == "SUBPATTERN":
        return _is_wild(argument[3])
    if operation != "IN":
        return False
    kinds = {str(kind): value for kind, value in argument}
    categories = {str(value) for kind, value in argument if str(kind) == "CATEGORY"}
    return "NEGATE" in kinds or {"CATEGORY_SPACE", "CATEGORY_NOT_SPACE"} <= categories or "CATEGORY_WORD" in categories


def _one_of(options: Any) -> str:
    options = [(str(kind), value) for kind, value in options]
    if options and options[0][0] == "NEGATE":
        return "w"
    for kind, value in options:
        if kind == "CATEGORY":
            return _WORD_CATEGORIES.get(str(value), "w")
        if kind == "LITERAL":
            return chr(value)
        if kind == "RANGE":
            return chr(value[0])
    return "w"
