"""What every parser is: a frozen, picklable value with `parse(text) -> answer or None`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Parser(ABC):
    """Stage 1 of a reward: the response's text -> the answer in it, or None when there is no answer.

    Subclasses are declared with `@configured`; their first field is what the short form of a rubric file sets (`parse: {tag: answer}`).
    """

    @abstractmethod
    def parse(self, text: str) -> Any | None:
        """The answer in `text`, or None. Must take time linear in `len(text)`, whatever the text."""
