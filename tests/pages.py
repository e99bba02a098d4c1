"""Pages as tests read them: blocks of code with what their page says about them, links, headings.

A comment of HTML, invisible to readers, on the line above a block says how it is tested; without one a block of python, of a rubric or of
a console is run, in order, in one directory for the page:

    <!-- file: NAME -->       the block is written to NAME, for the blocks after it
    <!-- slow -->             run by the slow tests; <!-- logs --> marks a part of what it logs
    <!-- prints -->           what the python block before it prints; a line of `...` means any lines
    <!-- syntax: WHY -->      not run (it trains, needs a GPU or the network), but its syntax is checked, and the files it names exist
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "anchors", "blocks", "headings", "indented_code", "links"]

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>file|logs|prints|slow|syntax)(?:: (?P<value>[^\n]*?))? -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its line in the page, its language, its text, and its comment's mark and value."""

    line: int
    language: str
    text: str
    mark: str | None
    value: str | None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(text[: m.start("text")].count("\n") + 1, m["language"], m["text"], m["mark"], m["value"]) for m in _FENCE.finditer(text)]


def _without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The targets of links and pictures."""
    return [link or picture for link, picture in _LINK.findall(re.sub(r"`[^`\n]*`", "", _without_blocks(page)))]


def headings(page: Path) -> list[str]:
    """The headings, in order."""
    return _HEADING.findall(_without_blocks(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def indented_code(page: Path) -> list[str]:
    """Lines that Markdown takes for code because of their indent, which no test would look at."""
    return re.findall(r"(?:^|\n)\n((?: {4}|\t).+)", _without_blocks(page))
