"""The letter of a multiple-choice question."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.patterns import Pattern, compile_pattern
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import ReferenceScorer
from rl_rewards.scorers.templated import answer_text
from rl_rewards.types import EvaluateResult, Outcome, Sample


@configured
class MultipleChoice(ReferenceScorer):
    """Scores whether the answer names the reference's letter.

    The letter is, in this order: the answer itself, small or capital, in any brackets (`b`, `(B)`, `**B.**`); the capital behind the last
    "answer is", "answer:", "option" or "choice"; the only one of the capitals that stands alone in the answer (`B) Paris`, `\\text{B}`). An
    answer that names several is `unparsed`: listing them all must not pay.

    Raises:
        ValueError: when the choices are not two or more different letters.
    """

    choices: str = field(default="ABCD", kw_only=True)
    """The letters to choose from, in order. A reference that is an integer counts them from 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        letters = self.choices
        if len(letters) < 2 or len(set(letters)) < len(letters) or not all("A" <= letter <= "Z" for letter in letters):
            raise ValueError(f"The choices are two or more different capital letters, found {letters!r}")

    @cached_property
    def _only(self) -> Pattern:
        return compile_pattern(rf"(?i)[^\pL\pN]*([{self.choices}])[^\pL\pN]*")

    @cached_property
    def _said(self) -> Pattern:
        return compile_pattern(rf"\b(?i:answer|option|choice)(?:\s+is)?\s*:?[^\pL\pN]{{0,8}}([{self.choices}])\b")

    @cached_property
    def _alone(self) -> tuple[tuple[str, Pattern], ...]:
        return tuple((letter, compile_pattern(rf"\b{letter}\b")) for letter in self.choices)

    def compare(self, answer: Any, reference: Any, sample: Sample) -> EvaluateResult:
        expected = self._expected(reference)
        found = self.letter(answer_text(answer))
        if found is None:
            return EvaluateResult(self.wrong, f"the answer names no letter of {self.choices}, or several", outcome=Outcome.UNPARSED)
        return EvaluateResult(self.correct if found == expected else self.wrong)

    def letter(self, text: str) -> str | None:
        """The letter that an answer names, or None."""
        if self._only.fullmatch(text):
            return self._only.last(text).upper()
        if said := self._said.last(text):
            return said.upper()
        alone = [letter for letter, pattern in self._alone if pattern.search(text)]
        return alone[0] if len(alone) == 1 else None

    def _expected(self, reference: Any) -> str:
        if isinstance(reference, int) and not isinstance(reference, bool) and 0 <= reference < len(self.choices):
            return self.choices[reference]
        letter = reference.strip().strip("().").upper() if isinstance(reference, str) else ""
        if len(letter) != 1 or letter not in self.choices:
            raise MissingReferenceError(f"the reference is no letter of {self.choices}, nor a place among them: {reference!r:.80}")
        return letter
