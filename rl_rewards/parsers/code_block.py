"""The program in a response: its last fenced block of code."""

from __future__ import annotations

from typing import NamedTuple

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser

_ALIASES = {"python": frozenset({"python", "python3", "py"})}


@configured
class CodeBlock(TextParser):
    """Takes the code of the last closed fenced block of a language; those of other languages, such as an example of output, do not count.

    Fences are those of CommonMark: three or more backticks or tildes at the start of a line (indented at most three spaces), closed by at
    least as many. A block that the response breaks off in is not closed, and no answer.

    Raises:
        ValueError: when the language is not one word.
    """

    language: str = "python"
    """The word after the opening fence, in any case; "python" also takes py and python3, "" takes blocks without a word."""

    def __post_init__(self) -> None:
        if len(self.language.split()) > 1 or self.language != self.language.strip():
            raise ValueError(f"The language is one word such as 'python', or '' for blocks without one, found {self.language!r}")

    def parse(self, text: str) -> str | None:
        wanted = _ALIASES.get(self.language.lower(), {self.language.lower()})
        lines = text.split("\n")
        fences: dict[str, _Fence | None] = {}  # lines of a degenerate text repeat, and are looked at once
        opened: _Fence | None = None
        first, last = 0, None
        for number in [number for number, line in enumerate(lines) if line and ("```" in line or "~~~" in line)]:
            line = lines[number]
            if line not in fences:
                fences[line] = _fence(line)
            fence = fences[line]
            if fence is None:
                continue
            if opened is None:
                opened, first = fence, number + 1
            elif fence.closes(opened):
                if opened.language in wanted:
                    last = first, number, opened.indent
                opened = None
        if last is None:
            return None
        first, end, indent = last
        return "".join(_dedented(line, indent) + "\n" for line in lines[first:end])


class _Fence(NamedTuple):
    """A line that opens or closes a block."""

    mark: str
    indent: int
    language: str

    def closes(self, opened: _Fence) -> bool:
        return not self.language and self.mark[0] == opened.mark[0] and len(self.mark) >= len(opened.mark)


def _fence(line: str) -> _Fence | None:
    """The fence that a line is, or None."""
    stripped = line.strip()
    indent = len(line) - len(line.lstrip(" "))
    if indent > 3 or line[indent : indent + 3] not in ("```", "~~~"):
        return None
    words = stripped.lstrip(stripped[0])
    return _Fence(stripped[: len(stripped) - len(words)], indent, words.split()[0].lower() if words.strip() else "")


def _dedented(line: str, indent: int) -> str:
    """A line of the block without the fence's own indent."""
    spaces = len(line) - len(line.lstrip(" "))
    return line[min(indent, spaces) :]
