"""The form of a response that a rubric wants: what it begins with, and where in it the answers go."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rl_rewards.auditing.pattern_samples import MARK

__all__ = ["Form", "Slot", "Source"]


@dataclass(frozen=True, eq=False)
class Source:
    """Where right answers come from: one value for each row, None for rows without one.

    Attributes:
        name: the column, and how the answer is found in it.
        values: N answers.
        kind: whether the answer is text, a program, tool calls, or a fixed text that has nothing to do with the row.
    """

    name: str
    values: Sequence[str | None]
    kind: str = "text"

    @property
    def is_short(self) -> bool:
        """Whether its values are answers alone, and no solutions that end in one."""
        return self.kind == "text" and not any(value and ("\n" in value or "####" in value or "\\boxed" in value) for value in self.values)


@dataclass(frozen=True)
class Slot:
    """A place for an answer: a template in which MARK stands for it."""

    source: Source
    template: str

    def filled(self, answer: str) -> str:
        """The template with an answer in it, escaped where the template has it between quotation marks, as JSON does."""
        if f'"{MARK}"' in self.template:
            answer = json.dumps(answer, ensure_ascii=False)[1:-1]
        return self.template.replace(MARK, answer)


Content = Callable[[Source], str]


@dataclass(frozen=True)
class Form:
    """A response: what comes first (thinking, most often), then the slots, a line each, then what comes last."""

    before: str
    slots: tuple[Slot, ...]
    behind: str = ""

    def answer(self, content: Content) -> str:
        """The slots with what `content` gives for each source; fixed texts stay."""
        return "\n".join(slot.filled((slot.source.values[0] or "") if slot.source.kind == "fixed" else content(slot.source)) for slot in self.slots)

    def text(self, content: Content) -> str:
        """The whole response."""
        return f"{self.before}{self.answer(content)}{self.behind}"

    def right(self, row: int) -> str | None:
        """The response with the row's right answers; None where it has none."""
        if any(slot.source.values[row if slot.source.kind != "fixed" else 0] is None for slot in self.slots):
            return None
        return self.text(lambda source: source.values[row] or "")

    @property
    def is_delimited(self) -> bool:
        """Whether the answer stands behind or between marks of its own, such as tags, a box, a fence, quotation marks or a label, and not in prose."""
        return all(
            any(char in slot.template for char in "<{`[#") or slot.template.partition(MARK)[0].rstrip()[-1:] in tuple(":=*$\"'“‘«(|_")
            for slot in self.slots
        )

    @property
    def is_bare(self) -> bool:
        """Whether it is the answer to the row and nothing else."""
        return not self.before and not self.behind and len(self.slots) == 1 and self.slots[0].template == MARK and self.slots[0].source.is_short

    @property
    def shown(self) -> str:
        """The form as a reader of a report sees it."""
        return f"{self.before}{self.answer(lambda source: '{' + source.name + '}')}{self.behind}"

    def but(self, before: str) -> Form:
        """The same form with another beginning."""
        return replace(self, before=before)
