"""Text after a delimiter."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser
from rl_rewards.thinking import MARKS

if TYPE_CHECKING:
    from rl_rewards.types import Sample

_CLOSES = frozenset(mark.close for mark in MARKS)


@configured
class After(TextParser):
    """Takes the text after the last delimiter, such as what follows the reasoning of `<think>...</think>`; none without a delimiter.

    Raises:
        ValueError: when the delimiter is empty.
    """

    delimiter: str
    """The text that ends what is passed over, such as "</think>" or "####"."""
    strip: bool = field(default=True, kw_only=True)
    """Whether white space at both ends of the answer is dropped."""

    def __post_init__(self) -> None:
        if not self.delimiter:
            raise ValueError("The delimiter is empty")

    @property
    def names_thinking(self) -> bool:
        return self.delimiter.strip() in _CLOSES

    def read(self, sample: Sample) -> str | None:
        if self.thinking is None and self.names_thinking:
            # The sample knows where its thinking ends, also where the caller has split it off and the mark is gone.
            answer = None if sample.reasoning is None else sample.answer_part
            return answer.strip() if answer is not None and self.strip else answer
        return super().read(sample)

    def extract(self, text: str) -> str | None:
        place = text.rfind(self.delimiter)
        if place < 0:
            return None
        answer = text[place + len(self.delimiter) :]
        return answer.strip() if self.strip else answer
