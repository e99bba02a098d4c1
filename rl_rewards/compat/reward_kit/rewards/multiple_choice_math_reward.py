"""Reward Kit's `multiple_choice_math_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, text_of_truth, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import MultipleChoice
from rl_rewards.scorers.multiple_choice.options import options_of
from rl_rewards.scorers.multiple_choice.reader import choice
from rl_rewards.types import EvaluateResult, Message

__all__ = ["multiple_choice_math_reward"]

_LABELS = "ABCDE"


@lru_cache(maxsize=1)
def _right_option() -> Rubric:
    return rubric_of(MultipleChoice("ground_truth", choices=_LABELS))


@reward_function
def multiple_choice_math_reward(messages: list[Message], ground_truth: Any = None, **kwargs: Any) -> EvaluateResult:
    """Score 1 where the response chooses the option (A to E) that the reference does, else 0.

    Args:
        ground_truth: a letter, or text or messages that state one ("The answer is (B)").
    """
    truth = text_of_truth(ground_truth)
    label = None if truth is None else choice(truth, options_of(None, _LABELS))
    if label is None:
        return failed(f"ground_truth must state an option of {_LABELS}, got {truth!r:.80}", "ground_truth")
    result = judged(_right_option(), messages, ground_truth=label)
    return with_metrics(result, mcq_comparison=result.score)
