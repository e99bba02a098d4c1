"""Text after a delimiter."""

from __future__ import annotations

from dataclasses import field

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser


@configured
class After(Parser):
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

    def parse(self, text: str) -> str | None:
        place = text.rfind(self.delimiter)
        if place < 0:
            return None
        answer = text[place + len(self.delimiter) :]
        return answer.strip() if self.strip else answer
