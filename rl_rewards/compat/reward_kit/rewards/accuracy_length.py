"""Reward Kit's `cosine_scaled_accuracy_length_reward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rl_rewards.compat.reward_kit.rewards.accuracy import accuracy_reward
from rl_rewards.compat.reward_kit.rewards.length import cosine_length_reward
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.types import EvaluateResult, Message, MetricResult

__all__ = ["cosine_scaled_accuracy_length_reward"]


@reward_function
def cosine_scaled_accuracy_length_reward(
    messages: list[Message],
    ground_truth: Any = None,
    extract_fn: Callable[[str], str] | None = None,
    compare_fn: Callable[[str, str], float] | None = None,
    max_length: int = 1000,
    min_value_wrong: float = 0.0,
    max_value_wrong: float = 0.3,
    min_value_correct: float = 0.5,
    max_value_correct: float = 1.0,
    token_method: str = "whitespace",
    correctness_weight: float = 0.7,
    length_weight: float = 0.3,
    **kwargs: Any,
) -> EvaluateResult:
    """Score correctness_weight * `accuracy_reward` + length_weight * `cosine_length_reward`, within 0 and 1."""
    accuracy = accuracy_reward(messages=messages, ground_truth=ground_truth, extract_fn=extract_fn, compare_fn=compare_fn)
    if accuracy.score is None:
        return accuracy
    values = {"min_value_wrong": min_value_wrong, "max_value_wrong": max_value_wrong}
    values |= {"min_value_correct": min_value_correct, "max_value_correct": max_value_correct}
    length = cosine_length_reward(messages=messages, correctness=accuracy.score, max_length=max_length, token_method=token_method, **values)
    if length.score is None:
        return length
    score = max(0.0, min(1.0, accuracy.score * correctness_weight + length.score * length_weight))
    reason = f"{accuracy.reason or 'accuracy'}; {length.reason}"
    parts = {"combined_reward": score, "accuracy": accuracy.score, "length": length.score}
    return EvaluateResult(score, reason, {name: MetricResult(value, reason) for name, value in parts.items()})
