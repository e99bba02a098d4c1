"""All numbers of a rubric over an evaluation, batch by batch: tallies, each reward's mean, and the rubric's aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rl_rewards.aggregates import KINDS
from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State
from rl_rewards.aggregates.mean import Mean
from rl_rewards.aggregates.problems import problem_keys
from rl_rewards.evaluation.aggregates import Tally, tally_of
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric

__all__ = ["AggregateResult", "EvaluationSummary", "aggregates_of"]


@dataclass(frozen=True, slots=True)
class AggregateResult:
    """What one aggregate came to.

    Attributes:
        reward: the reward that was aggregated.
        name: the aggregate's own name; None for most.
        kind: `pass_at_k`, or a class's name.
        numbers: its numbers.
        coverage: what became of the rows.
    """

    reward: str
    name: str | None
    kind: str
    numbers: tuple[Number, ...]
    coverage: Coverage

    def key(self, number: Number) -> str:
        """The name under which a number is logged: `rewards/correct/pass@4`."""
        return "/".join(["rewards", self.reward, *([self.name] if self.name else []), number.name])

    @property
    def incomplete(self) -> bool:
        """Whether it has nothing to be computed from though there were rows for it."""
        return self.coverage.rows > self.coverage.skipped and self.coverage.counted == 0


def aggregates_of(rubric: Rubric) -> tuple[Aggregate, ...]:
    """The rubric's aggregates, behind the mean of every reward that does not ask for it by itself."""
    asked = {each.reward for each in rubric.aggregates if isinstance(each, Mean) and each.name is None}
    return (*(Mean(reward.name) for reward in rubric if reward.name not in asked), *rubric.aggregates)


class EvaluationSummary:
    """Counts evaluated batches, in whichever order and process, and gives all numbers at the end.

    Memory goes by problems and distinct answers, not by rows. Summaries of parts can be merged: `merge`, or `state` and `merge_state` where
    the rubric itself cannot travel.

    Example:
        >>> from rl_rewards import Reward, Rubric, Sample
        >>> rubric = Rubric([Reward("correct", {"number_match": "answer"})], aggregates=[{"pass_at_k": {"reward": "correct", "k": [1, 2]}}])
        >>> summary = EvaluationSummary(rubric)
        >>> rows = [{"prompt": "1 + 1?", "completion": text, "answer": "2"} for text in ("2", "3", "2", "1")]
        >>> summary.add(rubric.evaluate([Sample.from_row(row) for row in rows]))
        >>> {name: round(value, 3) for name, value in summary.values().items()}
        {'rewards/correct/mean': 0.5, 'rewards/correct/pass@1': 0.5, 'rewards/correct/pass@2': 0.833}
    """

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.aggregates = aggregates_of(rubric)
        self.tallies = {reward.name: Tally() for reward in rubric}
        self._states = [each.start() for each in self.aggregates]

    def add(self, evaluation: Evaluation, problems: np.ndarray | None = None, indices: Sequence[int] | None = None) -> None:
        """Count a batch of N rows.

        Args:
            problems: N keys (uint64) that tell problems apart; by default those of equal prompts are equal.
            indices: positions of the rows that count in the aggregates; by default all. The tallies count every row.
        """
        keys = problem_keys(evaluation.samples) if problems is None else problems
        rows = Rows(evaluation, keys, range(len(evaluation.samples)) if indices is None else indices)
        for aggregate, state in zip(self.aggregates, self._states):
            aggregate.add(state, rows)
        for name, tally in self.tallies.items():
            tally.merge(tally_of(evaluation, name))

    @property
    def state(self) -> tuple[list[State], dict[str, Tally]]:
        """All that was counted, picklable, for `merge_state` of a summary of the same rubric."""
        return self._states, self.tallies

    def merge_state(self, state: tuple[list[State], dict[str, Tally]]) -> None:
        """Add what another summary's `state` has counted."""
        states, tallies = state
        for mine, theirs in zip(self._states, states, strict=True):
            mine.merge(theirs)
        for name, tally in tallies.items():
            self.tallies[name].merge(tally)

    def merge(self, other: EvaluationSummary) -> None:
        """Add what another summary of the same rubric has counted."""
        self.merge_state(other.state)

    def results(self) -> list[AggregateResult]:
        """What every aggregate came to, each reward's mean first."""
        return [
            AggregateResult(each.reward, each.name, KINDS.kind_of(type(each)) or type(each).__name__, tuple(each.numbers(state)), state.coverage)
            for each, state in zip(self.aggregates, self._states)
        ]

    def values(self) -> dict[str, float | None]:
        """Every number by the name under which it is logged: `rewards/correct/pass@4`."""
        return {result.key(number): number.value for result in self.results() for number in result.numbers}

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: `numbers` by the name under which each is logged, and `rewards` with counts and rates."""
        results = self.results()
        numbers = {
            result.key(number): {
                **{key: value for key, value in asdict(number).items() if key != "name"},
                "aggregate": result.kind,
                "rows": result.coverage.rows,
                "counted": result.coverage.counted,
                "no_answer": result.coverage.no_answer,
                "failed": result.coverage.failed,
                "no_reference": result.coverage.no_reference,
                "skipped": result.coverage.skipped,
            }
            for result in results
            for number in result.numbers
        }
        rewards = {name: {"rows": tally.rows, "failed": tally.failed, **tally.rates()} for name, tally in self.tallies.items()}
        return {"numbers": numbers, "rewards": rewards}
