"""Text of a model or of a file, made safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` without control sequences that a terminal would obey, and without half characters that it cannot encode."""
    return "".join(char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode("ascii") for char in text)
