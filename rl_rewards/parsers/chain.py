"""Parsers one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser, TextParser
from rl_rewards.parsers.json_object import Json

if TYPE_CHECKING:
    from rl_rewards.types import Sample


def _made(spec: Any) -> Parser:
    from rl_rewards.parsers import parser  # the table of kinds, which knows this class

    return parser(spec)


@configured
class Chain(TextParser):
    """Takes the last parser's answer in the answer of the one before it: what a list of parsers in a rubric file becomes.

    `[{after: "</think>"}, boxed]` is the last box behind the reasoning.

    Raises:
        ValueError: when there are no parsers, or one before the last that does not answer with text, a list in the list, or one behind the first
            with `thinking`.
    """

    parsers: tuple[Annotated[InstanceOf[Parser], BeforeValidator(_made)], ...]
    """The parsers, in the order in which they are applied."""

    def __post_init__(self) -> None:
        if not self.parsers:
            raise ValueError("A list of parsers needs at least one")
        for parser in self.parsers:
            if isinstance(parser, Chain):
                raise ValueError(f"A list of parsers has no list in it, found {parser!r}")
        for parser in self.parsers[1:]:
            if parser.thinking is not None:
                raise ValueError(f"The first of a list of parsers reads the response, so `thinking` must be its option, found {parser!r}")
        for parser in self.parsers[:-1]:
            if isinstance(parser, Json):
                raise ValueError(f"{parser!r} answers with an object, not with text, so it can only be the last of a list of parsers")

    def read(self, sample: Sample) -> Any | None:
        if self.thinking is not None:
            return super().read(sample)
        first = self.parsers[0].read(sample)
        return first if first is None else self._rest(first)

    @property
    def names_thinking(self) -> bool:
        return self.parsers[0].reads_thinking

    def extract(self, text: str) -> Any | None:
        first = self.parsers[0].extract(text)
        return first if first is None else self._rest(first)

    def _rest(self, answer: Any) -> Any | None:
        for parser in self.parsers[1:]:
            answer = parser.extract(answer)
            if answer is None:
                return None
        return answer
