"""What a contract is, and what all of them share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from rl_rewards.pipeline.columns import Evaluation, RewardColumn
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.http import Http
from rl_rewards.serving.contracts.messages import check_messages
from rl_rewards.serving.errors import NoScoreError, RequestError
from rl_rewards.tables.group_key import BY_PROMPT
from rl_rewards.tool_calls import names_tool_call
from rl_rewards.types import MissingReferenceError, Outcome, Sample, response_of
from rl_rewards.types.components import component_score
from rl_rewards.types.rows import RowError, messages_of

__all__ = [
    "Contract",
    "Query",
    "check_needs",
    "check_references",
    "component_numbers",
    "conversation_sample",
    "failure_of_row",
    "needs_more_than_rows",
    "not_applicable",
    "number_groups",
    "numbers_of",
    "scores_of",
    "unusable_reference",
]


@dataclass(frozen=True)
class Query:
    """A request, read.

    Attributes:
        contract: whose it is.
        samples: what is to be scored.
        body: the request, for the reply.
        reward: the one reward that is asked for; None for the weighted total.
        options: what else the server was started with that bears on the reply.
    """

    contract: Contract
    samples: list[Sample]
    body: Any
    reward: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def place(self, row: int, path: Sequence[str] = ()) -> str:
        """JSON pointer to a row's column, and on to the keys in it, as the caller writes it; without a path to where its columns are."""
        return self.contract.place(self.body, row, tuple(path))


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
        place: (body, row, path) -> JSON pointer to a row's column: its name and the keys in it. Also to one that is missing.
        per_reward: whether `?reward=NAME` asks for one reward's score instead of the total.
        has_text_alone: whether it has no place for token ids.
    """

    path: str
    name: str
    summary: str
    model: type[BaseModel] | None
    example: Any
    read: Callable[[Any, Rubric, Mapping[str, Any]], list[Sample]]
    write: Callable[[Query, Evaluation], Any]
    place: Callable[[Any, int, tuple[str, ...]], str]
    per_reward: bool = True
    has_text_alone: bool = True


def conversation_sample(messages: Any, references: Mapping[str, Any], where: str) -> Sample:
    """A sample of a whole conversation, whose last assistant message, with what follows it, is the completion.

    Raises:
        RequestError: when it is no list of messages, or has no assistant's.
    """
    if isinstance(messages, list):
        check_messages(messages, where)
    try:
        turns = messages_of(messages, "messages")
    except RowError as error:
        raise RequestError(str(error), where) from None
    roles = [turn["role"] for turn in turns]
    if "assistant" not in roles:
        raise RequestError(f"messages must have an assistant message, got the roles {roles}", where)
    last = len(roles) - 1 - roles[::-1].index("assistant")
    return Sample(turns[:last], turns[last:], response_of(turns[last:]), dict(references))


def number_groups(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of a request, grouped as `rl-rewards score` groups rows: by `prompt_id`, else by prompt, wherever they are.

    One of which neither is known belongs to no group.
    """
    numbers: dict[str, int] = {}
    for sample in samples:
        if sample.prompt is not None or sample.references.get("prompt_id") is not None:
            sample.group = numbers.setdefault(BY_PROMPT.text(sample.references, sample.prompt), len(numbers))
    return list(samples)


def needs_more_than_rows(reward: Reward) -> bool:
    """Whether a reward's scores depend on what not every call has: the other completions to a prompt, or the policy's token ids."""
    return _compares_groups(reward) or reward.score.traits.needs_token_ids


def _compares_groups(reward: Reward) -> bool:
    return reward.score.needs_groups if isinstance(reward.score, Http) else reward.score.traits.needs_groups


def check_needs(query: Query, rewards: Sequence[Reward]) -> None:
    """Check that a request has what the rewards need that the score which is asked for is made of: asking again would be in vain.

    Args:
        rewards: those of the rubric that `needs_more_than_rows`.

    Raises:
        RequestError: naming the first reward that lacks something.
    """
    for reward in rewards:
        if reward.name != query.reward if query.reward is not None else reward.weight == 0:
            continue
        if _compares_groups(reward) and any(sample.group is None for sample in query.samples):
            raise RequestError(
                f"reward {reward.name!r} compares the completions to one prompt, and this call does not say which these are: "
                "send them together to /v1/score, or to /get_reward with `prompts`", "", 422, "no_groups",
            )  # fmt: skip
        if reward.score.traits.needs_token_ids and query.contract.has_text_alone:
            raise RequestError(
                f"reward {reward.name!r} counts the policy's tokens, and this call has text alone: set its option `unit` to words or characters, "
                "or send rows with `completion_ids` to /v1/score", "", 422, "no_token_ids",
            )  # fmt: skip


def scores_of(query: Query, evaluation: Evaluation) -> list[float | None]:
    """N scores: the weighted totals, or those of the one reward that is asked for; None where a row has none."""
    return evaluation.totals() if query.reward is None else evaluation.columns[query.reward].scores


def numbers_of(query: Query, evaluation: Evaluation) -> list[float]:
    """`scores_of`, for a contract that cannot say that a row has none.

    Raises:
        RequestError: when a row lacks a reference, or has one that cannot be read, or no reward applies to it: the caller's mistake.
        NoScoreError: when a reward failed on a row.
    """
    scores = scores_of(query, evaluation)
    check_references(query, evaluation)  # first, since asking again mends nothing of it
    numbers: list[float] = []
    for row, score in enumerate(scores):
        if score is None:
            failure = failure_of_row(query, evaluation, row)
            if failure is None:
                raise not_applicable(query, evaluation, row)
            raise NoScoreError(failure[1], f"reward_{failure[0]}")
        numbers.append(score)
    return numbers


def check_references(query: Query, evaluation: Evaluation) -> None:
    """Check that no row is without a score because of a reference that is missing, or cannot be read.

    Raises:
        RequestError: with the place of the first that is, as the caller writes it.
    """
    for name, column in _counted(query, evaluation):
        for row in column.failed:
            if column.scores[row] is None and isinstance(missing := column.results[row].cause, MissingReferenceError):
                raise unusable_reference(query, column.reward, row, missing, f"reward {name!r}: {column.results[row].error}")


def unusable_reference(query: Query, reward: Reward, row: int, missing: MissingReferenceError, said: str) -> RequestError:
    """What is said of a row's reference that a reward cannot use.

    Args:
        said: what the reward says of it.
    """
    path = missing.path or (tuple(reward.columns) if len(reward.columns) == 1 else ())
    return RequestError(said + _nearest(path, query.samples[row].references), query.place(row, path), 422, "unusable_reference")


def _nearest(path: Sequence[str], columns: Mapping[str, Any]) -> str:
    """Which of a row's columns may be meant by one that it lacks."""
    near = difflib.get_close_matches(path[0], columns, n=1) if path and path[0] not in columns else []
    return f"; is it {near[0]!r:.80}?" if near else ""


def not_applicable(query: Query, evaluation: Evaluation, row: int) -> RequestError:
    """What is said of a row that no reward applies to: what each of them wants, and what was found."""
    wants = []
    routes: set[str] = set()
    for name, column in _counted(query, evaluation):
        when = {key: value for key, value in (column.reward.when or {}).items() if not names_tool_call(key)}
        found = {key: evaluation.samples[row].references.get(key) for key in when}
        routes |= when.keys()
        wants.append(f"{name!r} wants {when!r:.200}, got {found!r:.200}" if when else f"{name!r}: {column.results[row].reason}")
    return RequestError(
        f"no reward of the rubric applies to this row: {'; '.join(wants)}", query.place(row, sorted(routes) if len(routes) == 1 else ())
    )


def failure_of_row(query: Query, evaluation: Evaluation, row: int) -> tuple[str, str] | None:
    """(outcome, reason) of the failure for which a row has no score; None where no failure is the cause."""
    for name, column in _counted(query, evaluation):
        if column.scores[row] is None:
            result = column.results[row]
            if result.outcome is not Outcome.SKIPPED:
                return result.outcome.value, f"reward {name!r}: {result.error or result.reason or result.outcome.value}"
    return None


def _counted(query: Query, evaluation: Evaluation) -> Iterator[tuple[str, RewardColumn]]:
    """The columns that the score which is asked for is made of."""
    for name, column in evaluation.columns.items():
        if name == query.reward if query.reward is not None else column.reward.weight != 0:
            yield name, column


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
