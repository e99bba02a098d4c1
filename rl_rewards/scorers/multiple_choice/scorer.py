"""The option that an answer to a multiple-choice question chooses."""

from __future__ import annotations

from dataclasses import field, replace
from string import ascii_uppercase, digits
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.scorers.base import ReferenceScorer, Traits
from rl_rewards.scorers.multiple_choice.options import Options, options_of
from rl_rewards.scorers.multiple_choice.reader import choice
from rl_rewards.scorers.reference import path_of
from rl_rewards.scorers.texts import answer_text
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["MultipleChoice"]


@configured
class MultipleChoice(ReferenceScorer):
    """Scores whether the answer chooses the reference's option.

    An answer is an option's label alone, in any brackets (`b`, `(B)`, `**B.**`), its text alone where the row has the options' texts, or prose. Of
    prose the last statement of an answer counts ("the answer is B", "B is the answer", "I choose B"), else the last conclusion ("so it must be B",
    "B is right"), else the only option that is named. What is denied ("not A", "A is wrong"), asked ("Is it A?") or supposed ("if A") is
    not stated; an answer that states several ("A or B") is `unparsed`: listing them all must not pay.

    Raises:
        ValueError: when the choices are not two or more different letters, or digits.
    """

    choices: str = field(default="ABCD", kw_only=True)
    """The labels to choose from, in order: capital letters, or digits. A reference that is an integer counts letters from 0, and is a digit itself."""
    options: str | None = field(default=None, kw_only=True)
    """Column with the options' texts: a list, `{label: text}`, or `{"label": [...], "text": [...]}`. Its labels count instead of `choices`; a
    list has letters, as many as it has texts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        labels = self.choices
        if len(labels) < 2 or len(set(labels)) < len(labels) or not (set(labels) <= set(ascii_uppercase) or set(labels) <= set(digits)):
            raise ValueError(f"The choices must be two or more different capital letters, or digits, got {labels!r}")
        if self.options is not None:
            column_template(self.options)

    @property
    def traits(self) -> Traits:
        of_options = frozenset() if self.options is None else column_template(self.options).columns
        return replace(super().traits, columns=super().traits.columns | of_options)

    def target(self, sample: Sample) -> tuple[Options, str]:
        """What the row has to choose from, and the label of the right one."""
        try:
            options = options_of(None if self.options is None else column_template(self.options).value(sample), self.choices)
        except MissingReferenceError as missing:
            missing.path = missing.path or () if self.options is None else path_of(self.options)
            raise
        return options, options.label(super().target(sample))

    def score_answer(self, answer: Any, target: tuple[Options, str], sample: Sample) -> EvaluateResult:
        options, expected = target
        found = choice(answer_text(answer), options)
        if found is None:
            return EvaluateResult(self.wrong, f"the answer chooses no option of {options.labels}, or on several", outcome=Outcome.UNPARSED)
        return self.verdict(found == expected, None if found == expected else f"{found} is not {expected}")
