"""A row's numbers as TRL gets and logs them, which every bridge hands on."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types import Outcome
from rl_rewards.types.components import component_score

__all__ = ["ScoredRow", "component_key", "failure_of_row", "reward_key", "scored_rows"]


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
        failure = None if total is not None else failure_of_row(evaluation, i)
        rows.append(ScoredRow(total, dict(zip(names, scores, strict=True)), components, failure))
    return rows


def failure_of_row(evaluation: Evaluation, row: int) -> tuple[str, str]:
    """Why a row has no total."""
    for name, column in evaluation.columns.items():
        result = column.results[row]
        if column.reward.weight != 0 and column.scores[row] is None and result.outcome is not Outcome.SKIPPED:
            return result.outcome.value, f"reward {name!r}: {result.error or result.reason or result.outcome.value}"
    return Outcome.SKIPPED.value, "no weighted reward of the rubric applies to it"
