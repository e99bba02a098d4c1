"""Reward Kit's `exact_tool_match_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards import refuse
from rl_rewards.compat.reward_kit.rewards.conversation import judged, rubric_of
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import ToolCallMatch
from rl_rewards.types import EvaluateResult, Message

__all__ = ["exact_tool_match_reward"]


@lru_cache(maxsize=1)
def _exact() -> Rubric:
    return rubric_of(ToolCallMatch("ground_truth"))


@reward_function
def exact_tool_match_reward(messages: list[Message], ground_truth: Any = None, **kwargs: Any) -> EvaluateResult:
    """Score 1 where the last message makes the reference's tool calls, in its order and with its arguments, and no others, else 0.

    Args:
        ground_truth: {"tool_calls": [...]}, a list of calls, or the JSON text of one of these; None or no calls in it expect that none is made.
    """
    calls = ground_truth
    if calls is None or (isinstance(calls, dict) and "tool_calls" in calls and not calls["tool_calls"]):
        calls = []
    return judged(_exact(), messages, ground_truth=calls)


def __getattr__(name: str) -> Any:
    refuse(__name__, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
