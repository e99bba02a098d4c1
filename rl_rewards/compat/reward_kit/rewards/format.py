"""Reward Kit's `format_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import RegexMatch, ThinkAnswerFormat
from rl_rewards.types import EvaluateResult, Message

__all__ = ["format_reward"]

_THINK_ANSWER = r"^<think>\n.*?</think>\n<answer>\n.*?</answer>$"


@lru_cache(maxsize=256)
def _of_pattern(pattern: str, whole: bool) -> Rubric:
    return rubric_of(RegexMatch(f"(?s:{pattern})", mode="full" if whole else "search"))


@lru_cache(maxsize=1)
def _think_answer() -> Rubric:
    return rubric_of(ThinkAnswerFormat())


@reward_function
def format_reward(
    messages: list[Message], ground_truth: Any = None, format_regex: str = _THINK_ANSWER, require_exact_match: bool = True, **kwargs: Any
) -> EvaluateResult:
    """Score 1 where the response has the form of a regular expression, else 0.

    Args:
        format_regex: RE2's syntax; `.` matches line breaks. Of the default each tag may occur once, too.
        require_exact_match: the whole response must match, and not its beginning alone; else a match anywhere is enough.
    """
    result = judged(_of_pattern(format_regex, require_exact_match), messages)
    if result.score and format_regex == _THINK_ANSWER and require_exact_match:
        result = judged(_think_answer(), messages)
    return with_metrics(result, format_check=result.score)
