"""Reward Kit's `accuracy_reward`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, text_of_truth, with_metrics
from rl_rewards.compat.reward_kit.rewards.math import math_reward, with_answer_alone
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.parsers.denial import denied
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import ExactMatch
from rl_rewards.scorers.math.final_answer import final_answer
from rl_rewards.types import EvaluateResult, Message

__all__ = ["accuracy_reward"]

_MATHEMATICS = re.compile(r"[\d\\^=]|π|\bpi\b")
_LONGEST = 200  # characters of a sentence that is looked through for the reference's words


@lru_cache(maxsize=1)
def _same_words() -> Rubric:
    return rubric_of(ExactMatch("ground_truth"))


@reward_function
def accuracy_reward(
    messages: list[Message],
    ground_truth: Any = None,
    extract_fn: Callable[[str], str] | None = None,
    compare_fn: Callable[[str, str], float] | None = None,
    **kwargs: Any,
) -> EvaluateResult:
    """Score 1 where the final answer is the reference, else 0: as mathematics (`math_verify`) or, of a reference in words, as words.

    Args:
        ground_truth: a list whose first message is the right answer, or text.
        extract_fn: text -> the answer in it.
        compare_fn: (answer, reference) -> score.
    """
    truth = text_of_truth(ground_truth)
    if truth is None:
        return failed("ground_truth must be the right answer, got none", "ground_truth")
    checked = judged(_same_words(), messages, ground_truth=truth)
    if checked.score is None:
        return checked
    turns = with_answer_alone(messages)
    if extract_fn is not None:
        turns = [*messages[:-1], Message("assistant", extract_fn(messages[-1].text) or "")]
    if compare_fn is not None:
        said = turns[-1].text if extract_fn is not None else final_answer(turns[-1].text, "anywhere") or ""
        result = EvaluateResult(float(compare_fn(said, truth)), f"expected {truth!r}, found {said!r}")
    elif _MATHEMATICS.search(truth):
        result = math_reward(messages=turns, ground_truth=truth, tolerance=0.0)
    else:
        result = _in_words(turns, truth)
    return with_metrics(result, answer_accuracy=result.score)


def _in_words(turns: list[Message], truth: str) -> EvaluateResult:
    """Whether the answer has the reference's words, and no others but in its own last sentence."""
    text = turns[-1].text
    for said in (text, final_answer(text, "stated") or ""):
        result = judged(_same_words(), [Message("assistant", said)], ground_truth=truth)
        if result.score:
            return result
    sentence = text.rstrip(" \n.!*").rpartition("\n")[2].rpartition(". ")[2][-_LONGEST:]
    for found in re.finditer(rf"(?<!\w){re.escape(truth.strip())}(?!\w)", sentence, re.IGNORECASE):
        if not denied(sentence, found.start(), found.end()) and not re.search(r"\bor\b|,", sentence[found.end() :]):
            return EvaluateResult(1.0, f"the last sentence says {truth!r}")
    return EvaluateResult(0.0, f"expected {truth!r}")
