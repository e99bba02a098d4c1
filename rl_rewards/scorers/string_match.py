"""Text compared with the reference's text."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.references import Template, template
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.scorers.reference import Reference, columns_of, value_of
from rl_rewards.scorers.texts import answer_text, quoted, reference_texts
from rl_rewards.types import EvaluateResult, Sample
from rl_rewards.unicode_text import composed


@configured
class StringMatch(AnswerScorer):
    """Scores whether the answer equals, or contains, the reference; any one of a reference that is a list.

    Set exactly one of `reference`, `equals` and `contains`; the first is the short form: {string_match: answer} compares with column `answer`.
    `contains` is easily gamed: an answer that lists every possibility contains the right one.

    Raises:
        ValueError: when not exactly one of them is set, or it is blank.
    """

    reference: str | Reference | None = None
    """The dataset column that the answer must equal, a template such as "{{references.answer}}", or {column: ..., parse: ...}."""
    equals: str | None = field(default=None, kw_only=True)
    """What the answer must equal, written out: text, with `{{references.column}}` for what is in the row."""
    contains: str | None = field(default=None, kw_only=True)
    """What the answer must contain, written like `equals`."""
    ignore_case: bool = field(default=False, kw_only=True)
    """Whether capitals and small letters are the same."""
    whitespace: Literal["strip", "collapse", "ignore", "exact"] = field(default="strip", kw_only=True)
    """White space: dropped at both ends (strip), and runs of it one space (collapse), dropped everywhere (ignore), or as it is (exact)."""

    def __post_init__(self) -> None:
        options = {"reference": self.reference, "equals": self.equals, "contains": self.contains}
        given = {name: value for name, value in options.items() if value is not None}
        if len(given) != 1:
            raise ValueError(f"exactly one of 'reference', 'equals' and 'contains' must be set, got {given or 'none'}")
        if self.reference is not None:
            value_of(self.reference)
        elif not self._template.text.strip():
            raise ValueError(f"what the answer is compared with must not be blank, got {self._template.text!r}")

    @cached_property
    def _template(self) -> Template:
        return template(self.equals if self.equals is not None else self.contains or "")

    @property
    def traits(self) -> Traits:
        if self.reference is not None:
            return replace(super().traits, columns=columns_of(self.reference))
        literals = frozenset() if self._template.columns else frozenset({self._template.text.strip()})
        return replace(super().traits, columns=self._template.columns, literals=literals)

    def target(self, sample: Sample) -> str | tuple[str, ...]:
        value = self._template.value(sample) if self.reference is None else value_of(self.reference)(sample)
        return value if value.__class__ is str else reference_texts(value)

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        text = self._normal(answer_text(answer))
        if target.__class__ is str:
            right = self._matches(text, target)
        else:
            right = any(self._matches(text, reference) for reference in target)
        if right:
            return EvaluateResult(self.correct)
        relation = "does not contain" if self.contains is not None else "is not"
        return EvaluateResult(self.wrong, f"{quoted(answer)} {relation} {quoted(target)}")

    def _matches(self, text: str, reference: str) -> bool:
        reference = self._normal(reference)
        return reference in text if self.contains is not None else reference == text

    def _normal(self, text: str) -> str:
        text = composed(text)
        if self.whitespace == "strip":
            text = text.strip()
        elif self.whitespace == "collapse":
            text = " ".join(text.split())
        elif self.whitespace == "ignore":
            text = "".join(text.split())
        return text.casefold() if self.ignore_case else text
