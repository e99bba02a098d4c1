"""The program in a response: its last fenced block of code."""

from __future__ import annotations

from typing import NamedTuple

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser

_ALIASES = {"python": frozenset({"python", "python3", "py"})}


@configured
class CodeBlock(TextParser):
    """Takes the code of the last fenced block of a language; those of other languages, such as an example of output, do not count.

    Fences are those of CommonMark, three or more backticks or tildes at the start of a line, closed by at least as many; they may be indented, as in an
    item of a list, and the code loses that indent. Where no block names the language, the only block of the response counts if it names none. A block
    that the response breaks off in counts where none is closed.

    Raises:
        ValueError: when the language is not one word.
    """

    language: str = "python"
    """The word after the opening fence, in any case; "python" also takes py and python3, "" takes blocks without a word."""

    def __post_init__(self) -> None:
        if len(self.language.split()) > 1 or self.language != self.language.strip():
            raise ValueError(f"The language is one word such as 'python', or '' for blocks without one, found {self.language!r}")

    def extract(self, text: str) -> str | None:
        wanted = _ALIASES.get(self.language.lower(), {self.language.lower()})
        lines = text.split("\n")
        blocks = _blocks(lines)
        mine = [block for block in blocks if block.language in wanted]
        if not mine and len(blocks) == 1 and not blocks[0].language and any(map(str.strip, lines[blocks[0].first : blocks[0].end])):
            mine = blocks
        if not mine:
            return None
        block = next((block for block in reversed(mine) if block.is_closed), mine[-1])
        code = lines[block.first : block.end]
        return "\n".join([*([_dedented(line, block.indent) for line in code] if block.indent else code), ""])


class _Block(NamedTuple):
    """A fenced block: its lines are `lines[first:end]`."""

    first: int
    end: int
    indent: int
    language: str
    is_closed: bool


def _blocks(lines: list[str]) -> list[_Block]:
    """All fenced blocks.

    A closing fence that is indented by more than three spaces beyond the opening one is part of the code, as in CommonMark, unless no better one
    follows before the text ends or another block opens: models indent the last line by mistake.
    """
    fences: dict[str, _Fence | None] = {}  # lines of a degenerate text repeat, and are looked at once
    blocks: list[_Block] = []
    opened: _Fence | None = None
    first, loose = 0, -1
    for number in [number for number, line in enumerate(lines) if line and ("```" in line or "~~~" in line)]:
        line = lines[number]
        if line not in fences:
            fences[line] = _fence(line)
        fence = fences[line]
        if fence is None:
            continue
        if opened is None:
            opened, first, loose = fence, number + 1, -1
        elif fence.closes(opened):
            if fence.indent <= opened.indent + 3:
                blocks.append(_Block(first, number, opened.indent, opened.language, True))
                opened = None
            else:
                loose = number
        elif fence.language and loose >= 0:
            blocks.append(_Block(first, loose, opened.indent, opened.language, True))
            opened, first, loose = fence, number + 1, -1
    if opened is not None:
        blocks.append(_Block(first, loose if loose >= 0 else len(lines), opened.indent, opened.language, loose >= 0))
    return blocks


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
    indent = len(line) - len(line.lstrip(" \t"))
    if line[indent : indent + 3] not in ("```", "~~~"):
        return None
    words = stripped.lstrip(stripped[0])
    return _Fence(stripped[: len(stripped) - len(words)], indent, words.split()[0].lower() if words.strip() else "")


def _dedented(line: str, indent: int) -> str:
    """A line of the block without the fence's own indent."""
    spaces = len(line) - len(line.lstrip(" \t"))
    return line[min(indent, spaces) :]
