"""What a contract is, and what all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from rl_rewards.pipeline.columns import Evaluation, RewardColumn
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.json_body import pointer
from rl_rewards.serving.contracts.messages import check_messages
from rl_rewards.serving.errors import NoScoreError, RequestError
from rl_rewards.types import Outcome, Sample, response_of
from rl_rewards.types.components import component_score
from rl_rewards.types.rows import RowError, messages_of

__all__ = ["Contract", "Query", "component_numbers", "conversation_sample", "failure_of_row", "numbers_of", "scores_of"]


@dataclass(frozen=True)
class Query:
    """A request, read.

    Attributes:
        samples: what is to be scored.
        body: the request, for the reply.
        reward: the one reward that is asked for; None for the weighted total.
        options: what else the server was started with that bears on the reply.
    """

    samples: list[Sample]
    body: Any
    reward: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contract:
    """One caller's call.

    Attributes:
        path: where it is posted to.
        name: a word for metrics and logs.
        summary: a line for the documentation.
        model: what the body must be.
        example: a body.
        read: (body, rubric, options) -> samples.
        write: (query, evaluation of its samples) -> the reply.
        per_reward: whether `?reward=NAME` asks for one reward's score instead of the total.
    """

    path: str
    name: str
    summary: str
    model: type[BaseModel] | None
    example: Any
    read: Callable[[Any, Rubric, Mapping[str, Any]], list[Sample]]
    write: Callable[[Query, Evaluation], Any]
    per_reward: bool = True


def conversation_sample(messages: Any, references: Mapping[str, Any], where: str) -> Sample:
    """A sample of a whole conversation, whose last assistant message, with what follows it, is the completion.

    Raises:
        RequestError: when it is no list of messages, or has no assistant's.
    """
    try:
        turns = messages_of(messages, "messages")
    except RowError as error:
        raise RequestError(str(error), where) from None
    check_messages(turns, where)
    roles = [turn["role"] for turn in turns]
    if "assistant" not in roles:
        raise RequestError(f"messages must have an assistant message, got the roles {roles}", where)
    last = len(roles) - 1 - roles[::-1].index("assistant")
    return Sample(turns[:last], turns[last:], response_of(turns[last:]), dict(references))


def scores_of(query: Query, evaluation: Evaluation) -> list[float | None]:
    """N scores: the weighted totals, or those of the one reward that is asked for; None where a row has none."""
    return evaluation.totals() if query.reward is None else evaluation.columns[query.reward].scores


def numbers_of(query: Query, evaluation: Evaluation) -> list[float]:
    """`scores_of`, for a contract that cannot say that a row has none.

    Raises:
        NoScoreError: when a reward failed on a row.
        RequestError: when no reward applies to a row.
    """
    numbers: list[float] = []
    for row, score in enumerate(scores_of(query, evaluation)):
        if score is None:
            failure = failure_of_row(query, evaluation, row)
            if failure is None:
                raise RequestError("no reward of the rubric applies to this row", "" if len(evaluation.samples) == 1 else pointer(row))
            raise NoScoreError(failure[1], f"reward_{failure[0]}")
        numbers.append(score)
    return numbers


def failure_of_row(query: Query, evaluation: Evaluation, row: int) -> tuple[str, str] | None:
    """(outcome, reason) of the failure for which a row has no score; None where no failure is the cause."""
    for name, column in evaluation.columns.items():
        if (name == query.reward if query.reward is not None else column.reward.weight != 0) and column.scores[row] is None:
            result = column.results[row]
            if result.outcome is not Outcome.SKIPPED:
                return result.outcome.value, f"reward {name!r}: {result.error or result.reason or result.outcome.value}"
    return None


def component_numbers(columns: Mapping[str, RewardColumn], row: int) -> dict[str, float]:
    """Every reward's score and every component's of a row, by `reward` and `reward/component`; what has none is absent."""
    numbers: dict[str, float] = {}
    for name, column in columns.items():
        if (score := column.scores[row]) is not None:
            numbers[name] = score
        for component, value in column.results[row].metrics.items():
            if (number := component_score(value)) is not None and math.isfinite(number):
                numbers[f"{name}/{component}"] = number
    return numbers
