"""What attacks are made against: a row, and the honest form that they imitate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rl_rewards.auditing.code import Code
from rl_rewards.auditing.forms import Form, Source
from rl_rewards.auditing.honest import Honest
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.templates import tags_in, tags_of_answer

__all__ = ["Attempts", "Target"]

Attempts = Iterator[tuple[str, str, tuple[str, ...]]]
"""Kind, variant and texts of attacks."""


@dataclass(frozen=True)
class Target:
    """A row under attack.

    Attributes:
        row: the row.
        number: its place among those of `honest`.
        honest: the rubric's form.
        codes: the code of its rewards.
        in_process: whether a program would run in this very process.
        runs_programs: whether a scorer of ours runs what it is given, whether a right program is known or not.
        words: texts that scorers of ours look for, whatever the row.
    """

    row: Row
    number: int
    honest: Honest
    codes: Sequence[Code]
    in_process: bool
    runs_programs: bool = False
    words: Sequence[str] = ()

    @property
    def form(self) -> Form:
        """The form of honest responses."""
        return self.honest.form

    def gold(self, source: Source) -> str:
        return source.values[self.number] or ""

    def wrong(self, source: Source) -> str:
        return self.honest.wrong_answer(source, self.number)

    def filled(self, content: Callable[[Source], str] | str) -> str:
        return self.form.text(content if callable(content) else lambda source: content)

    def answered(self, content: Callable[[Source], str] | str) -> str:
        return self.form.answer(content if callable(content) else lambda source: content)

    @property
    def thinking(self) -> tuple[str, str]:
        """The tags around the thinking that the form has, else the usual ones."""
        answers = {name for slot in self.form.slots for name in tags_of_answer(slot.template)}
        names = [name for name in tags_in([self.form.before]) if f"</{name}>" in self.form.before and name not in answers]
        name = names[0] if names else "think"
        return f"<{name}>", f"</{name}>"
