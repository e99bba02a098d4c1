"""Reward Kit's rewards of length."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import CosineLength, LengthWindow
from rl_rewards.scorers.base import RowScorer, configured
from rl_rewards.types import EvaluateResult, Message, Sample

__all__ = ["cosine_length_reward", "length_reward"]

_Unit = Literal["words", "characters"]
_UNITS: dict[str, _Unit] = {"whitespace": "words", "words": "words", "character": "characters"}
_USUAL = 100  # words that are long where nothing is said


@lru_cache(maxsize=256)
def _window(shortest: int, longest: int, slack: int, unit: _Unit) -> Rubric:
    return rubric_of(LengthWindow(shortest, longest, slack_tokens=slack, unit=unit))


@configured
class _Known(RowScorer):
    """What the caller says of the answer, as a scorer."""

    right: bool

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        return self.unparsed()

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(float(self.right))


@lru_cache(maxsize=256)
def _cosine(right: bool, limit: int, values: tuple[float, float, float, float], unit: _Unit) -> Rubric:
    wrong_short, wrong_long, right_long, right_short = values
    scorer = CosineLength(
        _Known(right), limit, right_short=right_short, right_long=right_long, wrong_short=wrong_short, wrong_long=wrong_long, unit=unit
    )
    return rubric_of(scorer)


@reward_function
def length_reward(
    messages: list[Message],
    *,
    ground_truth: Any = None,
    target_length: int | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    token_method: str = "whitespace",
    scaling: str = "linear",
    reward_range: list[float] | None = None,
    **kwargs: Any,
) -> EvaluateResult:
    """Score how near the response's length is to a target, or to a window; without either, shorter is better, down to 0 at 100 words.

    Args:
        target_length: the best length; the score falls to the lowest at 0 and at twice the target.
        min_length, max_length: the window of full score. Below it falls towards length 0, above it within the window's width, or within
            `max_length` where there is no `min_length`.
        token_method: `whitespace` or `words`, or `character`.
        scaling: `linear` or `cosine`.
        reward_range: lowest and highest score, [0, 1] by default; they may be negative.
    """
    lowest, highest = reward_range or (0.0, 1.0)
    if scaling not in ("linear", "cosine") or token_method not in _UNITS or lowest > highest:
        return failed(
            f"scaling must be linear or cosine, token_method one of {[*_UNITS]}, reward_range [lowest, highest], got {scaling!r}, {token_method!r}, {reward_range}"
        )
    unit, goal = _UNITS[token_method], target_length
    around = goal is not None or (min_length is None and max_length is None)
    if around:
        shortest = longest = goal or 0
        below = above = goal or _USUAL
    else:
        shortest, longest = min_length or 0, max_length
        below, above = shortest, max(1, (longest or 0) - shortest)
    result = judged(_window(shortest, shortest if longest is None else longest, max(1, below), unit), messages)
    if result.score is None:
        return result
    n = int((result.reason or "0").split()[0])
    if n >= shortest and longest is not None and n > longest:
        result = judged(_window(shortest, longest, above, unit), messages)
    near = 1.0 if longest is None and n >= shortest else result.score or 0.0
    if scaling == "cosine":
        near = _bent(near, around, below=n < shortest)
    result.score = lowest + near * (highest - lowest)
    return with_metrics(result, length=result.score, token_count=min(1.0, n / (target_length or max_length or min_length or _USUAL)))


def _bent(near: float, around: bool, below: bool) -> float:
    """A linear nearness on Reward Kit's cosine: half a wave around a target, a quarter on each side of a window."""
    if around:
        return (1.0 + math.cos((1.0 - near) * math.pi)) / 2.0
    return 1.0 - math.cos(near * math.pi / 2.0) if below else math.cos((1.0 - near) * math.pi / 2.0)


@reward_function
def cosine_length_reward(
    messages: list[Message],
    *,
    ground_truth: Any = None,
    correctness: float | None = None,
    is_correct: bool | None = None,
    max_length: int = 1000,
    min_value_wrong: float = 0.0,
    max_value_wrong: float = 0.3,
    min_value_correct: float = 0.5,
    max_value_correct: float = 1.0,
    token_method: str = "whitespace",
    **kwargs: Any,
) -> EvaluateResult:
    """Score right answers higher the shorter they are, and wrong ones the longer they are, on half a cosine.

    Args:
        correctness: from 0.9 on the answer is right; `is_correct` wins.
        min_value_wrong, max_value_wrong: scores of a wrong answer of length 0, and of one of `max_length`; they may be negative.
        max_value_correct, min_value_correct: scores of a right answer of length 0, and of one of `max_length`.
    """
    if is_correct is None and correctness is None:
        return failed("is_correct or correctness must be given, got neither: whether the answer is right is not known", "is_correct")
    if token_method not in _UNITS:
        return failed(f"token_method must be one of {[*_UNITS]}, got {token_method!r}")
    right = is_correct if is_correct is not None else (correctness or 0.0) >= 0.9
    values = (min_value_wrong, max_value_wrong, min_value_correct, max_value_correct)
    result = judged(_cosine(bool(right), max_length, values, _UNITS[token_method]), messages)
    return with_metrics(result, cosine_length=result.score, correctness=float(right))
