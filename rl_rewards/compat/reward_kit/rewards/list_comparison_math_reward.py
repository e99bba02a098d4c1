"""Reward Kit's `list_comparison_math_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, text_of_truth, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import MathVerify
from rl_rewards.types import EvaluateResult, Message

__all__ = ["list_comparison_math_reward"]


@lru_cache(maxsize=2)
def _lists(ordered: bool) -> Rubric:
    return rubric_of(MathVerify("ground_truth", lists="ordered" if ordered else "sets", extract="anywhere"))


@reward_function
def list_comparison_math_reward(messages: list[Message], *, ground_truth: Any = None, order_matters: bool = False, **kwargs: Any) -> EvaluateResult:
    """Score 1 where the final answer lists the reference's values, else 0.

    Args:
        ground_truth: the list as text: "1, 2, 3", in a box or between dollars.
        order_matters: in the reference's order and as often; else as sets.
    """
    truth = text_of_truth(ground_truth)
    if truth is None:
        return failed("ground_truth must be the right list, got none", "ground_truth")
    result = judged(_lists(order_matters), messages, ground_truth=truth)
    return with_metrics(result, list_comparison=result.score)
