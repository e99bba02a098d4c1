"""How much a completion repeats itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.length import NO_TOKEN_IDS
from rl_rewards.scorers.timing import each_timed
from rl_rewards.scorers.word_units import word_units
from rl_rewards.types import EvaluateResult, Outcome, Sample


@configured
class Repetition(Scorer):
    """Penalises n-grams that occur more than once: penalty * (1 - different n-grams / all n-grams) (2502.03373, appendix C.2).

    0 for a completion shorter than one n-gram. The paper applies it to wrong answers only: gate it for that.

    Raises:
        ValueError: when n is not positive, or the penalty is.
    """

    n: int = 3
    """Length of the n-grams, in `unit`."""
    penalty: float = field(default=-1.0, kw_only=True)
    """Score of a completion that would be all repetition; 0 or less."""
    unit: Literal["tokens", "words"] = field(default="tokens", kw_only=True)
    """What n-grams are made of: tokens of what the policy wrote, tools' results left out, or its words in small letters; of scripts
    without spaces (Chinese, Japanese, Thai, ...) each letter is one."""

    def __post_init__(self) -> None:
        if self.n < 1 or self.penalty > 0:
            raise ValueError(f"Allowed are n >= 1 and penalty <= 0, found n={self.n} and penalty={self.penalty}")

    @property
    def traits(self) -> Traits:
        return Traits(needs_token_ids=self.unit == "tokens", per_sample=True)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return each_timed(self._score, samples, answers)

    def _score(self, sample: Sample, _: Any) -> EvaluateResult:
        units: Sequence[Any] | None = sample.policy_ids if self.unit == "tokens" else word_units(sample.policy_text.lower())
        if units is None:
            return EvaluateResult.failure(Outcome.ERROR, NO_TOKEN_IDS)
        total = len(units) - self.n + 1
        if total < 1:
            return EvaluateResult(0.0)
        different = len(set(zip(*(units[start:] for start in range(self.n)))))
        score = self.penalty * (1 - different / total) if different < total else 0.0
        return EvaluateResult(score, f"{different} of {total} {self.n}-grams differ")
