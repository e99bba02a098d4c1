"""Text compared with the reference's text."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.references import Template, template
from rl_rewards.scorers.templated import TemplatedScorer, answer_text, reference_texts
from rl_rewards.types import EvaluateResult


@configured
class StringMatch(TemplatedScorer):
    """Scores whether the answer equals, or contains, the reference; any one of a reference that is a list.

    Set exactly one of `equals` and `contains`. `contains` is easily gamed: an answer that lists every possibility contains the right one.

    Raises:
        ValueError: when neither or both of `equals` and `contains` are set, or the one that is set is blank.
    """

    equals: str | None = None
    """What the answer must equal: text, with `{{references.column}}` for what stands in the row."""
    contains: str | None = field(default=None, kw_only=True)
    """What the answer must contain, written like `equals`."""
    ignore_case: bool = field(default=False, kw_only=True)
    """Whether capitals and small letters are the same."""
    whitespace: Literal["strip", "collapse", "ignore", "exact"] = field(default="strip", kw_only=True)
    """White space: dropped at both ends (strip), and runs of it one space (collapse), dropped everywhere (ignore), or as it is (exact)."""

    def __post_init__(self) -> None:
        if (self.equals is None) == (self.contains is None):
            raise ValueError(f"Set exactly one of 'equals' and 'contains', found equals={self.equals!r}, contains={self.contains!r}")
        if not self.template.text.strip():
            raise ValueError(f"What the answer is compared with is blank: {self.template.text!r}")

    @cached_property
    def template(self) -> Template:
        return template(self.equals if self.equals is not None else self.contains)

    def compare(self, answer: Any, value: Any) -> EvaluateResult:
        text = self._normal(answer_text(answer))
        if value.__class__ is str:
            right = self._matches(text, value)
        else:
            right = any(self._matches(text, reference) for reference in reference_texts(value))
        return EvaluateResult(self.correct if right else self.wrong)

    def _matches(self, text: str, reference: str) -> bool:
        reference = self._normal(reference)
        return reference == text if self.equals is not None else reference in text

    def _normal(self, text: str) -> str:
        if self.whitespace == "strip":
            text = text.strip()
        elif self.whitespace == "collapse":
            text = " ".join(text.split())
        elif self.whitespace == "ignore":
            text = "".join(text.split())
        return text.casefold() if self.ignore_case else text
