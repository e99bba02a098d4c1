"""Text between an opening and a closing tag."""

from __future__ import annotations

import re
from dataclasses import field
from functools import cached_property

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser
from rl_rewards.parsers.denial import denied
from rl_rewards.thinking import names_mark

# Applied to options, which people write; never to what a model writes.
_NAME = re.compile(r"[^\s<>/]+")


@configured
class Tag(TextParser):
    """Takes the text inside the last complete `<name>...</name>` that its own sentence does not deny ("the answer is not <answer>4</answer>").

    Text search, not markup: of nested tags it takes the innermost, and `<name id="1">` is another tag.

    Raises:
        ValueError: when the name cannot be a tag's.
    """

    name: str
    """The tag's name, without angle brackets."""
    strip: bool = field(default=True, kw_only=True)
    """Whether white space at both ends of the answer is dropped."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"A tag's name has no white space, '<', '>' or '/' in it and is not empty, found {self.name!r}")

    @cached_property
    def _tags(self) -> tuple[str, str, int]:
        return f"<{self.name}>", f"</{self.name}>", len(self.name) + 2

    @property
    def names_thinking(self) -> bool:
        return names_mark(f"<{self.name}>")

    def extract(self, text: str) -> str | None:
        opening, closing, length = self._tags
        # Each search goes on where the one before it ended, so the text is read once: an opening tag that has a closing one behind it has
        # none behind the last closing tag.
        start = text.rfind(opening, 0, text.rfind(closing) + 1)
        while start >= 0:
            inside = start + length
            end = text.find(closing, inside)
            if not denied(text, start, end + length + 1):
                answer = text[inside:end]
                return answer.strip() if self.strip else answer
            start = text.rfind(opening, 0, start)
        return None
