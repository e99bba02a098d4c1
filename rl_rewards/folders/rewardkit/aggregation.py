"""How scores combine in a harbor-rewardkit folder, and the scorer that combines rewards so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, NamedTuple

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["HOWS", "How", "Part", "RewardkitAggregation", "check_weights", "combined"]

How = Literal["weighted-mean", "weighted-sum", "all-pass", "any-pass", "threshold", "required-pass"]
HOWS: tuple[How, ...] = ("weighted-mean", "weighted-sum", "all-pass", "any-pass", "threshold", "required-pass")


class Part(NamedTuple):
    """One of the scores that are combined."""

    value: float
    weight: float = 1.0
    optional: bool = False


def combined(parts: Sequence[Part], how: How, threshold: float = 0.5) -> float:
    """The score of several: their mean or sum by weights, 1 where all (any, all but the optional ones) reach 1, or where the mean reaches the threshold.

    Raises:
        ArithmeticError: when the weights add up to 0, so that there is no mean; required-pass without a required part has no score either.
    """
    if how in ("all-pass", "any-pass"):
        return float((all if how == "all-pass" else any)(part.value >= 1 for part in parts))
    if how == "required-pass":
        required = [part for part in parts if not part.optional]
        if not required:
            raise ArithmeticError("required-pass needs a part that is not optional")
        return float(all(part.value >= 1 for part in required))
    total = math.fsum(part.value * part.weight for part in parts)
    if how == "weighted-sum":
        return total
    weight = math.fsum(part.weight for part in parts)
    if weight == 0:
        raise ArithmeticError("the weights add up to 0, so there is no mean")
    mean = total / weight
    return float(mean >= threshold) if how == "threshold" else mean


def check_weights(weights: Sequence[float], how: How) -> None:
    """Check that weights can be combined so.

    Raises:
        ValueError: for one that is not finite, or below 0 where it is no sum; for weights that add up to 0 where there is a mean.
    """
    if wrong := [weight for weight in weights if not math.isfinite(weight)]:
        raise ValueError(f"weights must be finite, got {wrong[0]!r}")
    if how != "weighted-sum" and (wrong := [weight for weight in weights if weight < 0]):
        raise ValueError(f"weights below 0 need the aggregation 'weighted-sum', got {wrong[0]:g} with {how!r}")
    if how in ("weighted-mean", "threshold") and weights and not any(weights):
        raise ValueError(f"weights must not all be 0, so that {how!r} has a value, got {list(weights)}")


@configured
class RewardkitAggregation(Scorer):
    """Combines the scores of other rewards of the rubric as a harbor-rewardkit folder does. Where one of them failed, so has this."""

    weights: dict[str, float]
    """Reward -> its weight."""
    aggregation: How = field(default="weighted-mean", kw_only=True)
    """weighted-mean, weighted-sum, all-pass, any-pass, threshold (1 where the mean reaches it) or required-pass."""
    threshold: float = field(default=0.5, kw_only=True)
    """For threshold: what the mean must reach."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("weights must name at least one reward")
        check_weights(list(self.weights.values()), self.aggregation)

    def __hash__(self) -> int:
        return hash((tuple(sorted(self.weights.items())), self.aggregation, self.threshold))

    @property
    def traits(self) -> Traits:
        return Traits(rewards=frozenset(self.weights), reads_answer=False)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        raise TypeError(f"{self.aggregation} needs the scores of {sorted(self.weights)}: put it into a rubric with them")

    def combine(self, scores: Mapping[str, float]) -> EvaluateResult:
        try:
            score = combined([Part(scores[name], weight) for name, weight in self.weights.items()], self.aggregation, self.threshold)
        except ArithmeticError as error:
            return EvaluateResult.failure(Outcome.ERROR, f"{self.aggregation}: {error}")
        return EvaluateResult(score, f"{self.aggregation} of {', '.join(f'{name} {scores[name]:.4g}' for name in self.weights)}")
