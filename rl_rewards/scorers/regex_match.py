"""Text matched by a regular expression."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.patterns import Pattern, compile_pattern, escaped
from rl_rewards.references import MissingReferenceError, Template, lookup, text_of
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.scorers.texts import answer_text, quoted, reference_texts
from rl_rewards.thinking import names_mark
from rl_rewards.types import EvaluateResult, Sample


@configured
class RegexMatch(AnswerScorer):
    """Scores whether a regular expression matches the answer.

    `{{references.column}}` in the pattern matches the row's reference, or any one of a list, letter by letter.

    Raises:
        ValueError: when the pattern is empty, or RE2 refuses it.
    """

    pattern: str
    """A regular expression in RE2's syntax; `.` matches a line break only with `(?s)`."""
    mode: Literal["search", "full"] = field(default="search", kw_only=True)
    """Whether a match anywhere is enough (search), or the whole answer must match (full)."""
    escape: bool = field(default=True, kw_only=True)
    """Whether references match letter by letter; otherwise they are patterns themselves."""
    plain: bool = field(default=False, kw_only=True)
    """Whether references are put into the pattern as they are, neither escaped nor grouped, as Vertex AI does: `a|b` splits the whole pattern."""

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError("The pattern is empty")
        # A pattern that no reference can complete fails here.
        compile_pattern(self.template.filled(lambda path: "a" if self.plain else "(?:a)"))

    @cached_property
    def template(self) -> PatternTemplate:
        return PatternTemplate(self.pattern, self.escape, self.plain)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, columns=self.template.columns, reads_thinking=names_mark(self.pattern))

    def target(self, sample: Sample) -> Pattern:
        return self.template.value(sample)

    def score_answer(self, answer: Any, target: Pattern, sample: Sample) -> EvaluateResult:
        text = answer_text(answer)
        if target.search(text) if self.mode == "search" else target.fullmatch(text):
            return EvaluateResult(self.correct)
        return EvaluateResult(self.wrong, f"{quoted(self.pattern)} does not match {quoted(text)}")


class PatternTemplate(Template):
    """A pattern with placeholders, whose value for a row is compiled."""

    __slots__ = ("_escape", "_plain", "_constant")

    def __init__(self, text: str, escape: bool, plain: bool = False) -> None:
        super().__init__(text)
        self._plain = plain
        self._escape = escape
        self._constant = None if self.columns else compile_pattern(text)

    def value(self, sample: Sample) -> Pattern:
        """The row's pattern.

        Raises:
            MissingReferenceError: when a reference is absent or blank, or is to be a pattern and RE2 refuses it.
        """
        if self._constant is not None:
            return self._constant
        text = self.filled(lambda path: self._part(lookup(sample.references, path)))
        try:
            return compile_pattern(text)
        except ValueError as error:
            raise MissingReferenceError(f"the reference makes no pattern: {error}") from None

    def _part(self, reference: Any) -> str:
        if self._plain:
            return text_of(reference)
        texts = reference_texts(reference)
        return f"(?:{'|'.join(map(escaped, texts) if self._escape else texts)})"
