"""Parsers one after the other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.json_object import Json


def _made(spec: Any) -> Parser:
    from rl_rewards.parsers import parser  # the table of kinds, which knows this class

    return parser(spec)


@configured
class Chain(Parser):
    """Takes the last parser's answer in the answer of the one before it: what a list of parsers in a rubric file becomes.

    `[{after: "</think>"}, boxed]` is the last box behind the reasoning.

    Raises:
        ValueError: when there are no parsers, or one before the last that does not answer with text, or a list in the list.
    """

    parsers: tuple[Annotated[InstanceOf[Parser], BeforeValidator(_made)], ...]
    """The parsers, in the order in which they are applied."""

    def __post_init__(self) -> None:
        if not self.parsers:
            raise ValueError("A list of parsers needs at least one")
        for parser in self.parsers:
            if isinstance(parser, Chain):
                raise ValueError(f"A list of parsers has no list in it, found {parser!r}")
        for parser in self.parsers[:-1]:
            if isinstance(parser, Json):
                raise ValueError(f"{parser!r} answers with an object, not with text, so it can only be the last of a list of parsers")

    def parse(self, text: str) -> Any | None:
        for parser in self.parsers:
            text = parser.parse(text)
            if text is None:
                return None
        return text
