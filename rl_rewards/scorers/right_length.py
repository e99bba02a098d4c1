"""Length rewards that treat right and wrong answers differently.

What is right is decided by another scorer, nested as it would be in a reward of its own, and with the same parser:

    parse: boxed
    score:
      cosine_length:
        right: {number_match: answer}
        max_tokens: 512
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.length import NO_TOKEN_IDS, LengthScorer
from rl_rewards.types import EvaluateResult, Outcome, Sample


def _made(spec: Any) -> Scorer:
    from rl_rewards.scorers import scorer  # the table of kinds, which knows these classes

    return scorer(spec)


@configured
class RightLengthScorer(LengthScorer):
    """A scorer of lengths that depends on whether the answer is right (component `right`); no score where that is not known."""

    right: Annotated[InstanceOf[Scorer], BeforeValidator(_made)]
    """The scorer that says what is right, written as in a reward: {number_match: answer}."""
    threshold: float = field(default=1.0, kw_only=True)
    """Score of that scorer from which on an answer is right."""

    @property
    def traits(self) -> Traits:
        return replace(self.right.traits, needs_token_ids=self.unit == "tokens" or self.right.traits.needs_token_ids)

    def state_dict(self) -> Mapping[str, Any]:
        return self.right.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.right.load_state_dict(state)

    def _known(self, length: int | None, judged: EvaluateResult) -> tuple[int, bool] | EvaluateResult:
        """The length, and whether the answer is right; the failed result where one of them is not known."""
        if judged.score is None or not judged.is_score_valid:
            return judged
        if not math.isfinite(judged.score):
            return EvaluateResult.failure(Outcome.ERROR, f"the score of `right` must be finite, got {judged.score}")
        if length is None:
            return EvaluateResult.failure(Outcome.ERROR, NO_TOKEN_IDS)
        return length, judged.score >= self.threshold

    def _result(self, score: float, length: int, right: bool, judged: EvaluateResult) -> EvaluateResult:
        reason = f"{'right' if right else 'wrong'}, {length} {self.unit}"
        result = EvaluateResult(score, reason, {"right": float(right)}, outcome=judged.outcome)
        result.seconds = judged.seconds
        return result


@configured
class CosineLength(RightLengthScorer):
    """Scores right answers higher the shorter they are, and wrong ones the longer they are, on half a cosine (2502.03373, appendix C.1).

    For length n and limit L: end + (start - end) * (1 + cos(pi * min(n / L, 1))) / 2, from `start` at n = 0 to `end` at L and beyond.

    Raises:
        ValueError: when the limit is not positive.
    """

    max_tokens: int
    """Limit L in `unit`."""
    right_short: float = field(default=1.0, kw_only=True)
    """Score of a right answer of length 0."""
    right_long: float = field(default=0.5, kw_only=True)
    """Score of a right answer at the limit and beyond."""
    wrong_short: float = field(default=-1.0, kw_only=True)
    """Score of a wrong answer of length 0."""
    wrong_long: float = field(default=-0.5, kw_only=True)
    """Score of a wrong answer at the limit and beyond."""
    exceeded: float | None = field(default=None, kw_only=True)
    """Score of any answer at the limit and beyond, instead of the two above; such a completion was most likely cut off."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"Allowed is max_tokens >= 1, found {self.max_tokens}")

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        judgements = self.right.score(samples, answers)
        return [self._scored(self.length(sample), judged) for sample, judged in zip(samples, judgements, strict=True)]

    def _scored(self, length: int | None, judged: EvaluateResult) -> EvaluateResult:
        known = self._known(length, judged)
        if isinstance(known, EvaluateResult):
            return known
        length, right = known
        if length >= self.max_tokens and self.exceeded is not None:
            return self._result(self.exceeded, length, right, judged)
        start, end = (self.right_short, self.right_long) if right else (self.wrong_short, self.wrong_long)
        score = end + (start - end) * (1 + math.cos(math.pi * min(length / self.max_tokens, 1.0))) / 2
        return self._result(score, length, right, judged)


@configured
class GroupLength(RightLengthScorer):
    """Scores short completions above long ones to the same prompt (length reward of Kimi k1.5, 2501.12599, section 2.3.3).

    With lambda = 0.5 - (n - shortest) / (longest - shortest) over the group: lambda for a right answer, min(0, lambda) for a wrong one,
    and 0 for all where shortest and longest are the same.
    """

    @property
    def traits(self) -> Traits:
        return replace(super().traits, needs_groups=True, per_sample=False)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        lengths = [self.length(sample) for sample in samples]
        of_group: dict[int, list[int]] = defaultdict(list)
        for sample, length in zip(samples, lengths, strict=True):
            if sample.group is not None and length is not None:
                of_group[sample.group].append(length)
        ranges: dict[int | None, tuple[int, int]] = {group: (min(members), max(members)) for group, members in of_group.items()}
        judgements = self.right.score(samples, answers)
        return [self._scored(length, ranges.get(sample.group), judged) for sample, length, judged in zip(samples, lengths, judgements, strict=True)]

    def _scored(self, length: int | None, group: tuple[int, int] | None, judged: EvaluateResult) -> EvaluateResult:
        known = self._known(length, judged)
        if isinstance(known, EvaluateResult):
            return known
        length, right = known
        if group is None:
            return EvaluateResult.failure(Outcome.ERROR, "which completions belong to one prompt is not known here")
        shortest, longest = group
        share = 0.0 if shortest == longest else 0.5 - (length - shortest) / (longest - shortest)
        return self._result(share if right else min(0.0, share), length, right, judged)
