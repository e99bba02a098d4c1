"""How the built-in rewards score a conversation with one of this library's scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rl_rewards.parsers.base import Parser
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.base import Scorer
from rl_rewards.types import EvaluateResult, Message, MetricResult, MissingReferenceError, Outcome, Sample

__all__ = ["failed", "judged", "rubric_of", "text_of_truth", "with_metrics"]


def rubric_of(scorer: Scorer, parse: Parser | None = None) -> Rubric:
    """A rubric of one reward, called `score`."""
    return Rubric((Reward("score", scorer) if parse is None else Reward("score", scorer, parse),))


def failed(why: str, argument: str | None = None) -> EvaluateResult:
    """The result of a call that cannot be scored, which is not the response's fault: no score, never a zero.

    Args:
        argument: what the caller must change, where it is one of a row's columns.
    """
    return EvaluateResult.failure(Outcome.ERROR, why, None if argument is None else MissingReferenceError(why, (argument,)))


def judged(rubric: Rubric, messages: Sequence[Any], **references: Any) -> EvaluateResult:
    """What a rubric of one reward makes of a conversation's last message, which must be the assistant's."""
    if not messages:
        return failed("messages must have the response as the last one, got none")
    turns = [Message.model_validate(turn) for turn in messages]
    if turns[-1].role != "assistant":
        return failed(f"the last message must be the assistant's, got role {turns[-1].role!r}")
    completion = [turns[-1].model_dump()]
    sample = Sample([turn.model_dump() for turn in turns[:-1]], completion, turns[-1].text, references)
    return rubric.evaluate([sample]).columns["score"].results[0]


def text_of_truth(ground_truth: Any) -> str | None:
    """The reference in Reward Kit's `ground_truth`: text, a number, or the first message of a list; None where there is none."""
    if isinstance(ground_truth, (list, tuple)):
        if not ground_truth:
            return None
        first = ground_truth[0]
        ground_truth = first if isinstance(first, (str, int, float)) else Message.model_validate(first).text
    return None if ground_truth is None or not str(ground_truth).strip() else str(ground_truth)


def with_metrics(result: EvaluateResult, **scores: float | None) -> EvaluateResult:
    """A result with Reward Kit's names for its components; None leaves one out."""
    if result.score is not None:
        named = {name: MetricResult(score, result.reason or "") for name, score in scores.items() if score is not None}
        result.metrics = {**named, **result.metrics}
    return result
