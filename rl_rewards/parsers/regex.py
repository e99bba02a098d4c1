"""What a regular expression catches."""

from __future__ import annotations

from functools import cached_property

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser
from rl_rewards.patterns import Pattern, compile_pattern
from rl_rewards.thinking import names_mark


@configured
class Regex(TextParser):
    """Takes the group of the pattern's last match, or the whole match where the pattern has no group.

    Raises:
        ValueError: when RE2 refuses the pattern, it has more than one group, or can match no text at all.
    """

    pattern: str
    """A regular expression in RE2's syntax, with at most one group: `(...)`; write others as `(?:...)`."""

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError("The pattern is empty")
        groups = self._compiled.groups
        if groups > 1:
            raise ValueError(f"The pattern {self.pattern!r} has {groups} groups, allowed is one: write the others as (?:...)")
        if self._compiled.matches_nothing():
            raise ValueError(f"The pattern {self.pattern!r} can match no text at all, so any response matches it; write + for *, perhaps")
        self._compiled.prepare_last()

    @cached_property
    def _compiled(self) -> Pattern:
        return compile_pattern(self.pattern)

    @property
    def names_thinking(self) -> bool:
        return names_mark(self.pattern)

    def extract(self, text: str) -> str | None:
        return self._compiled.last(text)
