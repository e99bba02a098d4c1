"""What every bridge has in common: a rubric, checked against what its caller can do, that scores rows and says why one has no score."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.unscorable import POLICIES, Policy, Substitutes
from rl_rewards.checks import check_columns, check_weights
from rl_rewards.evaluation.failure_watch import FailureWatch
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.reward import Reward, RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.rubric_files.target import load_target
from rl_rewards.scorers.function import Function
from rl_rewards.scorers.lambda_handler import LambdaHandler
from rl_rewards.types import Outcome, Sample
from rl_rewards.types.components import component_score

__all__ = ["Caller", "RubricScoring", "ScoredRow", "check_bridge", "check_options", "component_key", "references_of", "reward_key", "scored_rows"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What a trainer can do.

    Attributes:
        name: as its users write it.
        policies: those that it can carry out for a row without a score.
        groups: whether the bridge is handed whole groups of completions.
        token_ids: whether it hands over the completions' token ids.
        instead: what its users do about a policy or a reward that it cannot carry out.
    """

    name: str
    policies: tuple[Policy, ...] = ("raise",)
    groups: bool = False
    token_ids: bool = False
    instead: str = ""


@dataclass(slots=True)
class ScoredRow:
    """A row's numbers, as TRL gets them.

    Attributes:
        total: the weighted total; None where the row has none.
        rewards: every reward's score, in the rubric's order; None where it has none.
        components: every component's number, by reward and component.
        failure: (outcome, reason) why there is no total; None where there is one.
    """

    total: float | None
    rewards: Mapping[str, float | None]
    components: Mapping[tuple[str, str], float]
    failure: tuple[str, str] | None

    def logged(self) -> dict[str, float | None]:
        """Every number under the name that TRL's logs have: rewards/NAME, rewards/NAME/components/COMPONENT, rewards/unscorable."""
        numbers: dict[str, float | None] = {reward_key(name): score for name, score in self.rewards.items()}
        for (name, component), value in self.components.items():
            numbers[component_key(name, component)] = value
        numbers["rewards/unscorable"] = 0.0 if self.total is not None else 1.0
        return numbers

    def present(self) -> dict[str, float]:
        """`logged` without what has no number, for callers that average whatever a row has."""
        numbers = self.logged()
        return numbers if None not in self.rewards.values() else {name: value for name, value in numbers.items() if value is not None}  # type: ignore[return-value]

    def components_json(self) -> str:
        """The components as JSON text, {reward: {component: number}}: one value whose name is the same on every row."""
        if not self.components:
            return "{}"
        nested: dict[str, dict[str, float]] = {}
        for (name, component), value in self.components.items():
            nested.setdefault(name, {})[component] = value
        return json.dumps(nested, ensure_ascii=False)


@functools.lru_cache(maxsize=4096)
def reward_key(name: str) -> str:
    """The name under which TRL's logs have a reward."""
    return f"rewards/{name}"


@functools.lru_cache(maxsize=4096)
def component_key(name: str, component: str) -> str:
    """The name under which TRL's logs have a component of a reward."""
    return f"rewards/{name}/components/{component}"


class RubricScoring:
    """A rubric as a trainer without TRL's call asks for it. Safe to use from several threads, picklable.

    Args:
        rubric: a Rubric, a rubric file, or `module:name` of one.
        caller: what the trainer can do.
        unscorable: what it gets for a row without a score: raise, drop_group or group_mean.

    Attributes:
        columns_read: names of the columns that the rubric's rewards read.
        is_quick: whether its rewards are rules of the library's own, which an event loop need not leave to a thread.

    Raises:
        OSError, RubricFileError, LoadError: when the rubric cannot be read.
        BridgeError: a policy that is unknown, or that the trainer cannot carry out; a reward that needs what the trainer does not hand over.
        RubricDataError: when every weight is 0.
    """

    def __init__(self, rubric: Rubric | str | os.PathLike[str], caller: Caller, unscorable: str = "raise") -> None:
        self.rubric = rubric if isinstance(rubric, Rubric) else load_target(os.fspath(rubric))
        self.caller = caller
        self.unscorable: Policy = check_bridge(self.rubric, caller, unscorable)
        self.columns_read = self.rubric.columns
        self.is_quick = all(map(_is_quick, self.rubric.rewards))
        self._failures = FailureWatch(self.rubric)
        self._substitutes = Substitutes()
        self._checked = False
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[RubricScoring], tuple[Rubric, Caller, str]]:
        return RubricScoring, (self.rubric, self.caller, self.unscorable)

    def score(self, samples: Sequence[Sample]) -> list[ScoredRow]:
        """Score N samples.

        Raises:
            RewardError: a reward with `on_error: raise` failed, or one failed on more than the rubric's `max_error_rate`; with `unscorable`
                raise, a row without a total.
            RubricDataError: when the first row lacks a column that the rubric reads.
        """
        self.check(samples)
        evaluation = self.rubric.evaluate(samples)
        self._count(evaluation)
        return scored_rows(evaluation)

    async def score_aio(self, samples: Sequence[Sample]) -> list[ScoredRow]:
        """`score` for an event loop: in a thread, unless it takes less than handing it to one would."""
        return self.score(samples) if self.is_quick else await asyncio.to_thread(self.score, samples)

    def columns(self, evaluation: Evaluation) -> dict[str, list[float | None]]:
        """Every reward's N scores of a batch that the caller had evaluated, with a substitute in weighted ones where a row has no score.

        Raises:
            RewardError: as `score`; when no row has had a score yet.
        """
        self._count(evaluation)
        scores = {name: evaluation.scores(name) for name in evaluation.columns}
        if self.unscorable == "raise":
            return scores
        weighted = [reward.name for reward in self.rubric.rewards if reward.weight != 0]
        scorable = [total is not None for total in evaluation.totals()]
        groups = [sample.group for sample in evaluation.samples]
        return scores | dict(
            zip(weighted, self._substitutes.fill([scores[name] for name in weighted], scorable, groups, self.unscorable), strict=True)
        )

    def totals(self, rows: Sequence[ScoredRow], groups: Sequence[int | None]) -> list[float]:
        """The totals of N rows, with a substitute where one has none.

        Raises:
            RewardError: when no row has had a score yet.
        """
        totals: list[float | None] = [row.total for row in rows]
        if self.unscorable != "raise":
            (totals,) = self._substitutes.fill([totals], [total is not None for total in totals], groups, self.unscorable)
        return [total for total in totals if total is not None]

    def check(self, samples: Sequence[Sample]) -> None:
        """Check the columns of a run's first row; a reward with `when` may belong to rows of another kind.

        Raises:
            RubricDataError: naming the rewards, the columns that they miss, and those that exist.
        """
        if self._checked or not samples:
            return
        there = set(samples[0].references)
        if any(reward.columns - there for reward in self.rubric.rewards if reward.when is None):
            check_columns(self.rubric, there)
        self._checked = True

    def _count(self, evaluation: Evaluation) -> None:
        """Count failures; with `unscorable` raise, raise where a row has no total."""
        with self._lock:
            self._failures.count(evaluation)
        if self.unscorable == "raise":
            for i, total in enumerate(evaluation.totals()):
                if total is None:
                    outcome, reason = _failure(evaluation, i)
                    raise RewardError(f"a row has no score (outcome {outcome!r}): {reason}; {self._remedy()}")

    def _remedy(self) -> str:
        if (others := [policy for policy in self.caller.policies if policy != "raise"]) and self.unscorable == "raise":
            return f"{self.caller.name} cannot express that; `unscorable` may be {' or '.join(others)} instead of raise"
        return f"{self.caller.name} cannot express that; `on_error: NUMBER` in the rubric gives such rows a score"


def scored_rows(evaluation: Evaluation) -> list[ScoredRow]:
    """The rows of an evaluation."""
    totals = evaluation.totals()
    names = list(evaluation.columns)
    with_components = [(name, column.results) for name, column in evaluation.columns.items() if any(result.metrics for result in column.results)]
    rows = []
    for i, (total, *scores) in enumerate(zip(totals, *(evaluation.scores(name) for name in names), strict=True)):
        components: dict[tuple[str, str], float] = {}
        for name, results in with_components:
            for component, value in results[i].metrics.items():
                if (number := component_score(value)) is not None:
                    components[name, component] = number
        failure = None if total is not None else _failure(evaluation, i)
        rows.append(ScoredRow(total, dict(zip(names, scores, strict=True)), components, failure))
    return rows


def _failure(evaluation: Evaluation, row: int) -> tuple[str, str]:
    """Why a row has no total."""
    for name, column in evaluation.columns.items():
        result = column.results[row]
        if column.reward.weight != 0 and column.scores[row] is None and result.outcome is not Outcome.SKIPPED:
            return result.outcome.value, f"reward {name!r}: {result.error or result.reason or result.outcome.value}"
    return Outcome.SKIPPED.value, "no weighted reward of the rubric applies to it"


def _is_quick(reward: Reward) -> bool:
    scorer, traits = reward.score, reward.score.traits
    own = type(scorer).__module__.startswith("rl_rewards.scorers.") and not isinstance(scorer, (Function, LambdaHandler))
    elsewhere = traits.calls_server or traits.runs_in_workers or traits.isolate or traits.pure or reward.isolate or hasattr(scorer, "load")
    return own and not elsewhere and type(reward.reader).__module__.startswith("rl_rewards.parsers.")


def check_bridge(rubric: Rubric, caller: Caller, unscorable: str) -> Policy:
    """Check that a trainer can use a rubric, and return its policy for rows without a score.

    Raises:
        BridgeError: a policy that is unknown, or that the trainer cannot carry out; a reward that needs what the trainer does not hand over.
        RubricDataError: when every weight is 0.
    """
    check_weights(rubric)
    _check_needs(rubric, caller)
    return _policy(unscorable, caller)


def _policy(name: str, caller: Caller) -> Policy:
    for policy in caller.policies:
        if name == policy:
            return policy
    if name in POLICIES:
        raise BridgeError(f"unscorable must be {' or '.join(caller.policies)} for {caller.name}, got {name!r}: {caller.instead}")
    raise BridgeError(f"unscorable must be one of {', '.join(caller.policies)}, got {name!r}{nearest(name, POLICIES)}")


def _check_needs(rubric: Rubric, caller: Caller) -> None:
    for reward in rubric.rewards:
        traits = reward.score.traits
        if traits.needs_groups and not caller.groups:
            raise BridgeError(
                f"reward {reward.name!r} compares the completions of a group, and {caller.name} hands over one at a time: {caller.instead}"
            )
        if traits.needs_token_ids and not caller.token_ids:
            raise BridgeError(
                f"reward {reward.name!r} counts the policy's tokens, and {caller.name} hands over text alone: set its option `unit` to words or "
                f"characters"
            )


def references_of(label: Any, fields: Mapping[str, Any], reads: frozenset[str], column: str | None, what: str) -> dict[str, Any]:
    """A row's columns, from a label and fields beside it.

    A label that is a mapping, or its JSON text, holds columns; any other is the one column that the rubric reads and no field has, or `column`.

    Args:
        reads: names of the columns that the rubric reads.
        what: the trainer's name for the label.

    Raises:
        BridgeError: when the label could be several columns.
    """
    columns = {name: _plain(value) for name, value in fields.items()} if fields else {}
    label = _plain(label)
    found = _label_columns(label, reads, column)
    if found is not None:
        return {**columns, **found} if columns else found
    if column is not None:
        columns[column] = label
        return columns
    missing = reads - columns.keys() if columns else reads
    if len(missing) > 1:
        raise BridgeError(
            f"{what} must be a mapping (or its JSON text) with the columns {sorted(missing)} that the rubric reads, got {label!r:.80}; "
            f"or name the column that it is: column={min(missing)!r}"
        )
    if label is not None:
        for name in missing:
            columns[name] = label
    return columns


def _label_columns(label: Any, reads: frozenset[str], column: str | None) -> dict[str, Any] | None:
    """The columns in a mapping or its JSON text, where it holds some of the rubric's and is not itself a column."""
    if column is not None:
        return None
    if label.__class__ is str:
        if not label.lstrip().startswith("{"):
            return None
        try:
            label = json.loads(label)
        except ValueError:
            return None
    return label if isinstance(label, dict) and (not reads or reads & label.keys()) else None


def _plain(value: Any) -> Any:
    """Python's own values, of what is read from Parquet as arrays."""
    if value.__class__ is str or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def check_options(given: Mapping[str, Any], allowed: Iterable[str], known: Iterable[str], where: str) -> None:
    """Check that there is no option of another name.

    Args:
        allowed: names of options, for the message.
        known: names that the trainer itself may pass beside them.

    Raises:
        BridgeError: naming the nearest option.
    """
    allowed = list(allowed)
    for name in given:
        if name not in allowed and name not in known:
            raise BridgeError(f"{where} has no option {name!r}; allowed: {', '.join(allowed)}{nearest(name, allowed)}")
