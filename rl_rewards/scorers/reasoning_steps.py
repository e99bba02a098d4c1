"""Whether a response is written in steps."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.patterns import Pattern, compile_pattern
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.scorers.texts import answer_text
from rl_rewards.scorers.word_units import word_units
from rl_rewards.types import EvaluateResult, Sample

_STEP = r"(?im)^[ \t]*(?:[#*_ ]*step \d+[*_]*[:.)]|\d+[.)]|[-*•]|(?:first|second|third|next|then|finally),)(.*)$"


@configured
class ReasoningSteps(AnswerScorer):
    """Scores how many steps the response is written in, up to the number wanted.

    A step is a line that begins with a list marker, a number, "Step 2:" or a word such as "First,", and goes on with words of its own.
    Lines without enough words, and lines that say the same again but for their numbers, are no steps: with the markers alone,
    `\\n-\\n-\\n-` would be a perfect score. The score is wrong + min(1, steps / wanted) * (correct - wrong). It is about form alone, so
    give it little weight.

    Raises:
        ValueError: when the steps or the words wanted are not positive.
    """

    steps: int = 3
    """Number of steps that earns the full score."""
    min_words: int = field(default=3, kw_only=True)
    """Different words that a line must have behind its marker to be a step."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.min_words < 1:
            raise ValueError(f"Allowed are steps >= 1 and min_words >= 1, found {self.steps} and {self.min_words}")

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=True)

    @cached_property
    def _marked(self) -> Pattern:
        return compile_pattern(_STEP)

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        text = answer_text(answer)
        if text == sample.whole and sample.reasoning:  # a mark before the first step is no part of its line
            text = f"{sample.reasoning}\n{sample.answer_part or ''}"
        steps: set[frozenset[str]] = set()
        for step in self._marked.each(text):
            words = frozenset(word for word in word_units(step.casefold()) if any(map(str.isalpha, word)))
            if len(words) >= self.min_words:
                steps.add(words)
                if len(steps) == self.steps:
                    break
        share = len(steps) / self.steps
        score = self.wrong + share * (self.correct - self.wrong)
        return EvaluateResult(score, f"{len(steps)} of {self.steps} steps", {"steps": float(len(steps))})
