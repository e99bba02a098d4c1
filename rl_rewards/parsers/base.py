"""What every parser is: a frozen, picklable value with `parse(text) -> answer or None`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from rl_rewards.configured import configured
from rl_rewards.thinking import answer_start, without_residue

if TYPE_CHECKING:
    from rl_rewards.types import Sample

__all__ = ["Parser", "TextParser", "configured"]


class Parser(ABC):
    """Stage 1 of a reward: a response -> the answer in it, or None when there is no answer."""

    thinking: Literal["skip", "keep"] | None = None

    @property
    def reads_thinking(self) -> bool:
        """Whether the response's thinking is read as well, or the answer behind it alone."""
        return False

    def read(self, sample: Sample) -> Any | None:
        """The answer in a sample's response, or None."""
        text = sample.whole if self.reads_thinking else sample.answer_part
        return None if text is None else self.extract(text)

    def read_all(self, samples: Sequence[Sample]) -> list[Any]:
        """The answer in each sample's response, or None."""
        extract = self.extract
        if type(self).read is not Parser.read:
            return [self.read(sample) for sample in samples]
        if self.reads_thinking:
            return [extract(sample.whole) for sample in samples]
        return [None if (text := sample.answer_part) is None else extract(text) for sample in samples]

    @abstractmethod
    def parse(self, text: str) -> Any | None:
        """The answer in a response's text, or None. Must take time linear in `len(text)`, whatever the text."""

    def extract(self, text: str) -> Any | None:
        """The answer in the part of a response that this parser reads, or None."""
        return self.parse(text)


@configured
class TextParser(Parser):
    """A parser with the option that all of ours have.

    Subclasses are declared with `@configured` and have `extract`; their first positional field is what the short form of a rubric file sets
    (`parse: {tag: answer}`).
    """

    thinking: Literal["skip", "keep"] | None = field(default=None, kw_only=True)
    """Whether the response's thinking is read as well (keep), or the answer behind it alone (skip). Unset it is skipped, but by a parser that
    names a mark of thinking itself, such as {tag: think}."""

    @property
    def reads_thinking(self) -> bool:
        return self.thinking == "keep" or (self.thinking is None and self.names_thinking)

    @property
    def names_thinking(self) -> bool:
        """Whether what the parser looks for is a mark of thinking."""
        return False

    def parse(self, text: str) -> Any | None:
        text = without_residue(text)
        start = 0 if self.reads_thinking else answer_start(text)
        return None if start is None else self.extract(text[start:] if start else text)

    @abstractmethod
    def extract(self, text: str) -> Any | None:
        """The answer in the part of a response that this parser reads, or None. Must take time linear in `len(text)`, whatever the text."""
