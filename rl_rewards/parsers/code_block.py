"""The program in a response: its last fenced block of code."""

from __future__ import annotations

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser

_ALIASES = {"python": frozenset({"python", "python3", "py"})}


@configured
class CodeBlock(Parser):
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
        last: list[str] | None = None
        block: list[str] = []
        fence, indent, counts = "", 0, False
        for line in text.splitlines(keepends=True):
            mark = _fence(line)
            if not fence:
                if mark:
                    word = line.strip().lstrip(mark[0]).split()[:1]
                    fence, indent, counts, block = mark, line.index(mark), (word[0].lower() if word else "") in wanted, []
            elif mark[:1] == fence[0] and len(mark) >= len(fence) and line.strip() == mark:
                last = block if counts else last
                fence = ""
            else:
                block.append(_dedented(line, indent))
        return None if last is None else "".join(last)


def _fence(line: str) -> str:
    """The fence that a line starts with, or nothing."""
    stripped = line.lstrip(" ")
    if len(line) - len(stripped) > 3 or stripped[:3] not in ("```", "~~~"):
        return ""
    return stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]


def _dedented(line: str, indent: int) -> str:
    """A line of the block without the fence's own indent."""
    spaces = len(line) - len(line.lstrip(" "))
    return line[min(indent, spaces) :]
