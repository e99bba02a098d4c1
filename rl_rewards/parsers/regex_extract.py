"""What a regular expression catches, as GoogleSQL's REGEXP_EXTRACT."""

from __future__ import annotations

from functools import cached_property

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser
from rl_rewards.patterns import Pattern, compile_pattern
from rl_rewards.thinking import names_mark


@configured
class RegexExtract(TextParser):
    """Takes the group of the pattern's very last match, or the whole match, as Vertex AI's REGEX_EXTRACT does: GoogleSQL, but the last match.

    It differs from `regex` in two ways: where the group took no part in the last match there is no answer, whatever matches before it
    caught, and a pattern may match no text, so that the answer is empty.

    Raises:
        ValueError: when RE2 refuses the pattern, or it has more than one group.
    """

    pattern: str
    """A regular expression in RE2's syntax, with at most one group: `(...)`; write others as `(?:...)`."""

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError("The pattern is empty")
        if (groups := self._compiled.groups) > 1:
            raise ValueError(f"The pattern {self.pattern!r} has {groups} groups, allowed is one: write the others as (?:...)")

    @cached_property
    def _compiled(self) -> Pattern:
        return compile_pattern(self.pattern)

    @property
    def names_thinking(self) -> bool:
        return names_mark(self.pattern)

    def extract(self, text: str) -> str | None:
        return self._compiled.last_match(text)
