"""Reward Kit's rewards of reasoning in steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.patterns import compile_pattern
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import ReasoningSteps
from rl_rewards.types import EvaluateResult, Message

__all__ = ["reasoning_steps_reward", "sequence_reward"]

_ORDER = ("First", "Second", "Third", "Fourth", "Fifth", "Next", "Then", "Finally", "Conclusion")


@lru_cache(maxsize=256)
def _of_steps(steps: int) -> Rubric:
    return rubric_of(ReasoningSteps(steps))


@reward_function
def reasoning_steps_reward(
    messages: list[Message],
    pattern: str | None = None,
    min_steps: int = 3,
    max_steps: int | None = None,
    exclusive_patterns: bool = False,
    **kwargs: Any,
) -> EvaluateResult:
    """Score how many steps the response is written in: min(1, steps / min_steps), or, with `max_steps`, how far they are into that range.

    A step is what the scorer `reasoning_steps` counts: a marked line with words of its own, once.

    Args:
        pattern: a regular expression of RE2; its matches count as well, or alone with `exclusive_patterns`.
    """
    if min_steps < 1 or (max_steps is not None and max_steps < min_steps):
        return failed(f"min_steps must be 1 or more and max_steps at least min_steps, got {min_steps} and {max_steps}")
    result = judged(_of_steps(max(min_steps, max_steps or 0)), messages)
    if result.score is None:
        return result
    steps = int(float(result.metrics["steps"]))
    if pattern is not None:
        of_pattern = compile_pattern(f"(?m){pattern}").count(Message.model_validate(messages[-1]).text)
        steps = of_pattern if exclusive_patterns else steps + of_pattern
    if max_steps is None:
        score = min(1.0, steps / min_steps)
    else:
        score = min(1.0, max(0.0, (steps - min_steps + 1) / (max_steps - min_steps + 1)))
    return with_metrics(EvaluateResult(score, f"{steps} steps, at least {min_steps} wanted"), reasoning_steps=score)


@reward_function
def sequence_reward(
    messages: list[Message], sequence_terms: list[str] | None = None, min_matches: int = 3, case_sensitive: bool = False, **kwargs: Any
) -> EvaluateResult:
    """Score how many of the terms occur as words in the given order: min(1, terms / min_matches)."""
    if min_matches < 1:
        return failed(f"min_matches must be 1 or more, got {min_matches}")
    checked = judged(_of_steps(1), messages)
    if checked.score is None:
        return checked
    text, place, found = Message.model_validate(messages[-1]).text, 0, []
    text = text if case_sensitive else text.lower()
    for term in sequence_terms or _ORDER:
        wanted = term if case_sensitive else term.lower()
        at = text.find(wanted, place)
        if at >= 0:
            place = at + len(wanted)
            found.append(term)
    score = min(1.0, len(found) / min_matches)
    return with_metrics(EvaluateResult(score, f"in order: {', '.join(found) or 'none'}"), sequence_reasoning=score)
