"""Stops a run that a failing reward would turn into training on nothing."""

from __future__ import annotations

from collections import deque

from rl_rewards.pipeline.columns import Evaluation, RewardColumn
from rl_rewards.reward import RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.types import Outcome

__all__ = ["FailureWatch"]


class FailureWatch:
    """Counts, for each weighted reward, the rows on which it failed among those it was asked to score.

    A row that the reward does not apply to, or whose response has no answer, says nothing about the reward, and is not counted. The share
    is taken over the last `error_window` batches with a counted row, and over further ones until `error_min_rows` rows are counted: one
    failed row of a rare reward, or a judge that warms up in the first batch, stops no run.
    """

    def __init__(self, rubric: Rubric) -> None:
        self._limit, self._window, self._least = rubric.max_error_rate, rubric.error_window, rubric.error_min_rows
        # Failed and counted rows of each batch.
        self._counts: dict[str, deque[tuple[int, int]]] = {reward.name: deque() for reward in rubric.rewards if reward.weight != 0}

    def count(self, evaluation: Evaluation) -> None:
        """Count a batch.

        Raises:
            RewardError: when a reward failed on more than the rubric's `max_error_rate`; raised from what its scorer raised.
        """
        for name in self._counts:
            self._count(evaluation.columns[name], evaluation)

    def _count(self, column: RewardColumn, evaluation: Evaluation) -> None:
        failed = column.failed
        outcomes = column.outcomes
        asked = len(outcomes) - outcomes.count(Outcome.SKIPPED) - outcomes.count(Outcome.UNPARSED)
        if not asked:
            return
        counts = self._counts[column.reward.name]
        counts.append((len(failed), asked))
        rows = sum(n for _, n in counts)
        while len(counts) > self._window and rows - counts[0][1] >= self._least:
            rows -= counts.popleft()[1]
        rows_failed = sum(n for n, _ in counts)
        if not failed or len(counts) < self._window or rows < self._least or rows_failed <= self._limit * rows:
            return
        example, sample = column.results[failed[0]], evaluation.samples[failed[0]]
        raise RewardError(
            f"reward {column.reward.name!r} failed on {rows_failed} of {rows} rows over the last {len(counts)} batches, more than "
            f"max_error_rate {self._limit:.0%}; stopping, since training would go on without it. One of them: outcome "
            f"{example.outcome.value!r}, {example.error}; completion {sample.completion!r:.200}"
        ) from example.cause
