"""Reward Kit's rewards of repetition and diversity."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import Repetition
from rl_rewards.types import EvaluateResult, Message, MetricResult

__all__ = ["diversity_reward", "repetition_penalty_reward"]


@lru_cache(maxsize=256)
def _of_size(n: int) -> Rubric:
    return rubric_of(Repetition(n, penalty=-1.0, unit="words"))


@reward_function
def repetition_penalty_reward(
    messages: list[Message], ground_truth: Any = None, ngram_size: int = 3, max_penalty: float = 0.5, language: str = "en", **kwargs: Any
) -> EvaluateResult:
    """Score 1 - max_penalty * (1 - different n-grams / all n-grams), 0 at least; 1 for a response shorter than one n-gram.

    Args:
        language: not needed: of scripts without spaces each letter is a word, in any text.
    """
    result = judged(_of_size(ngram_size), messages)
    if result.score is None:
        return result
    repeated = -result.score
    result.score = max(0.0, 1.0 - repeated * max_penalty)
    return with_metrics(result, repetition=result.score, unique_ngram_ratio=1.0 - repeated, repetition_penalty=1.0 - repeated * max_penalty)


@reward_function
def diversity_reward(
    messages: list[Message],
    ground_truth: Any = None,
    ngram_sizes: list[int] | None = None,
    weights: list[float] | None = None,
    language: str = "en",
    **kwargs: Any,
) -> EvaluateResult:
    """Score the mean share of different n-grams over several sizes (1, 2 and 3, with weights 0.2, 0.3 and 0.5); 0 for an empty response.

    A size for which the response is too short is left out, and the weights are those of the others.
    """
    sizes = ngram_sizes or [1, 2, 3]
    weights = [0.2, 0.3, 0.5][: len(sizes)] if weights is None else weights
    if len(weights) != len(sizes) or min(weights) < 0 or sum(weights) <= 0:
        return failed(f"weights must be one for each of ngram_sizes {sizes}, 0 or more and not all 0, got {weights}")
    shares: dict[int, float] = {}
    for size in sizes:
        result = judged(_of_size(size), messages)
        if result.score is None:
            return result
        if len(Message.model_validate(messages[-1]).text.split()) >= size:
            shares[size] = 1.0 + result.score
    total = sum(weight for size, weight in zip(sizes, weights, strict=True) if size in shares)
    score = sum(weight * shares[size] for size, weight in zip(sizes, weights, strict=True) if size in shares) / total if total else 0.0
    metrics = {f"ngram_{size}": MetricResult(share, f"{share:.0%} different") for size, share in shares.items()}
    return EvaluateResult(score, f"{score:.2f} of the n-grams are different", {"diversity": MetricResult(score, ""), **metrics})
