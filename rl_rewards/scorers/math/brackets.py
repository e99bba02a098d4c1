"""Splitting a canonical text where no bracket is open."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["enclosed", "split", "top_level"]

# Every bracket counts alike, whichever closes it, because [0,1) opens with one and closes with another.
_TOKEN = re.compile(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\[{}]|\\[a-zA-Z]+|\\.|[\[\](){}]|[^\\\[\](){}]", re.DOTALL)
_OPENING = ("\\begin", "\\{", "{", "(", "[", "\\lfloor", "\\lceil")
_CLOSING = ("\\end", "\\}", "}", ")", "]", "\\rfloor", "\\rceil")


def top_level(text: str) -> Iterator[tuple[int, str]]:
    """The tokens outside all brackets, with their places: commands whole, all else a character each.

    Raises:
        ValueError: when the brackets do not match.
    """
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token.startswith(_OPENING):
            depth += 1
        elif token.startswith(_CLOSING):
            depth -= 1
            if depth < 0:
                raise ValueError(f"a bracket closes that was not opened: {text:.80}")
        elif depth == 0:
            yield match.start(), token
    if depth:
        raise ValueError(f"a bracket is not closed: {text:.80}")


def split(text: str, separators: str) -> list[str]:
    """The parts of a text between separating characters outside all brackets; empty parts are left out."""
    parts, start = [], 0
    for place, token in top_level(text):
        if token in separators:
            parts.append(text[start:place].strip())
            start = place + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def enclosed(text: str) -> tuple[str, str, str] | None:
    """A bracketed text's opening bracket, content and closing bracket; None when its first bracket does not enclose all of it."""
    opening = next((one for one in ("\\{", "{", "(", "[") if text.startswith(one)), None)
    closing = next((one for one in ("\\}", "}", ")", "]") if text.endswith(one)), None)
    if opening is None or closing is None or len(text) < len(opening) + len(closing):
        return None
    content = text[len(opening) : -len(closing)]
    try:
        for _ in top_level(content):
            pass
    except ValueError:
        return None
    return opening, content, closing
