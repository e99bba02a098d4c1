"""What is wrong with a file, and what its writer needs to correct it: file, line, field, what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.user_errors import UserError

Path = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: its line (from 1), the path of its field, and what is wrong."""

    line: int
    field: str
    message: str


class RubricFileError(UserError, ValueError):
    """A rubric file that cannot be used, with every mistake that was found in it.

    Attributes:
        path: the file, as it was named.
        problems: the errors, in the file's order.
    """

    def __init__(self, path: str, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = sorted(set(problems))
        super().__init__("\n".join(f"{path}:{p.line}: {p.field + ': ' if p.field else ''}{p.message}" for p in self.problems))

    def __reduce__(self) -> tuple[type[RubricFileError], tuple[str, list[Problem]]]:
        return RubricFileError, (self.path, self.problems)


def field_name(path: Path) -> str:
    """A path as people write it: `rewards[1].score.string_match`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def describe(value: Any) -> str:
    """What was found, in the file's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"text {value!r:.80}"
    if isinstance(value, (int, float)):
        return f"number {value!r:.40}"
    if isinstance(value, Mapping):
        return f"a mapping of {listing(value)}" if value else "an empty mapping"
    if isinstance(value, Sequence):
        return f"a list of {len(value)}" if value else "an empty list"
    return repr(value)[:80]


def listing(names: Iterable[Any]) -> str:
    """Names with commas between them, the first two dozen."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:24]) + (f" and {len(texts) - 24} more" if len(texts) > 24 else "")


def nearest(found: Any, allowed: Iterable[str]) -> str:
    """`; did you mean 'weight'?` when `found` looks like a slip of the pen, else nothing."""
    match = difflib.get_close_matches(str(found).lower(), list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {match[0]!r}?" if match else ""
