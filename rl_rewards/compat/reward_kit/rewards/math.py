"""Reward Kit's `math_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, text_of_truth, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.parsers import Tag
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import MathVerify, NumberMatch
from rl_rewards.scorers.math.final_answer import final_answer, reference_answer
from rl_rewards.types import EvaluateResult, Message, Sample

__all__ = ["math_reward", "with_answer_alone"]


@lru_cache(maxsize=256)
def _equal(units: bool) -> Rubric:
    return rubric_of(MathVerify("ground_truth", units="compare" if units else "ignore", extract="anywhere"))


@lru_cache(maxsize=256)
def _near(relative: float, absolute: float) -> Rubric:
    return rubric_of(NumberMatch("ground_truth", relative=relative, absolute=absolute))


@reward_function
def math_reward(
    messages: list[Message],
    *,
    ground_truth: Any = None,
    tolerance: float = 0.001,
    absolute_tolerance: float = 1e-8,
    require_units: bool = False,
    **kwargs: Any,
) -> EvaluateResult:
    """Score 1 where the final answer is mathematically equal to the reference, or a number within the tolerance of it, else 0.

    The final answer is in `<answer>` where that is there, else what `math_verify` takes: the last box, else what is stated.

    Args:
        tolerance: relative to the reference.
        require_units: different units are wrong.
    """
    truth = text_of_truth(ground_truth)
    if truth is None:
        return failed("ground_truth must be the right answer, got none", "ground_truth")
    turns = with_answer_alone(messages)
    result = judged(_equal(require_units), turns, ground_truth=truth)
    number = reference_answer(truth)
    if result.score == 0.0 and not require_units and _is_number(number):
        said = final_answer(turns[-1].text, "anywhere") or ""
        near = judged(_near(tolerance, absolute_tolerance), [Message("assistant", said)], ground_truth=number)
        result = near if near.score else result
    return with_metrics(result, answer_comparison=result.score)


def _is_number(text: str) -> bool:
    try:
        NumberMatch("ground_truth").check_reference(Sample(None, "", "", {"ground_truth": text}))
    except ValueError:
        return False
    return True


def with_answer_alone(messages: list[Message]) -> list[Message]:
    """The conversation with what the last message says in `<answer>` in its place, where it has that: Reward Kit looks there first."""
    answer = Tag("answer").extract(messages[-1].text) if messages else None
    return messages if answer is None else [*messages[:-1], Message(messages[-1].role, answer)]
