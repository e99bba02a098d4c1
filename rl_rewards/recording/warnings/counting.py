"""Rows of a record -> counts of its steps, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rl_rewards.recording.warnings.completions import Completions
from rl_rewards.recording.warnings.series import COUNTS, RunSeries
from rl_rewards.recording.warnings.steps import Step, count_step

__all__ = ["StepCounter"]

_PLAIN = ("rows", "unscorable", "groups", "total_sum", "total_count", "total_squares", "mixed_sum", "mixed_groups")
_LENGTHS = ("length_sum", "length_count", "repeated", "repeat_rows")


class StepCounter:
    """Counts the training rows of a record; rows without a step count where no row has one.

    Args:
        length_limit: the most tokens that the trainer lets a completion have.

    Example:
        counter = StepCounter()
        for rows in record.batches(COLUMNS):
            counter.add(rows)
        find_warnings(counter.series())
    """

    def __init__(self, length_limit: int | None = None) -> None:
        self.length_limit = length_limit
        self._names: dict[str, int] = {}
        self._weights: dict[str, float] = {}
        self._steps: dict[int, Step] = {}

    @property
    def steps(self) -> int:
        """How many steps were counted."""
        return len(self._steps)

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Count rows in which all rewards of a completion are neighbours, and all completions of a group are there; those of evaluations are not."""
        completions = Completions.of_training(pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows, self._names, self._weights)
        if completions is not None:
            self.add_arrays(completions.values, completions.weights)

    def add_arrays(self, values: Mapping[str, np.ndarray], weights: np.ndarray) -> None:
        """Count N completions that are arrays already, of the R rewards known so far; see Completions."""
        steps = values["step"]
        order = np.argsort(steps, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(steps[order])) + 1):
            step, counted = int(steps[part[0]]), count_step({name: each[part] for name, each in values.items()}, weights, self.length_limit)
            known = self._steps.get(step)
            self._steps[step] = counted if known is None else known.with_other(counted)

    @classmethod
    def of_arrays(cls, values: Mapping[str, np.ndarray], names: Sequence[str], weights: np.ndarray, length_limit: int | None = None) -> StepCounter:
        """A counter of N completions and R rewards of these names and weights."""
        counter = cls(length_limit)
        counter._names, counter._weights = {name: i for i, name in enumerate(names)}, dict(zip(names, weights.tolist(), strict=True))
        counter.add_arrays(values, weights)
        return counter

    def series(self, log: Mapping[str, Any] | None = None, planned_steps: int | None = None) -> RunSeries:
        """The counts so far.

        Args:
            log: the trainer's own numbers: name -> (steps, values).
            planned_steps: the last step of a run that goes on.
        """
        numbers = sorted(self._steps)
        if len(numbers) > 1 and numbers[0] == -1:  # scored before training began
            numbers = numbers[1:]
        size = len(self._names)
        steps = [self._steps[number].padded(size) for number in numbers]
        plain = {name: np.array([step.plain[name] for step in steps], float) for name in (*_PLAIN, *_LENGTHS)}
        lengths, counts = plain.pop("length_sum"), plain.pop("length_count")
        rewards = np.array([step.rewards for step in steps], float).reshape(len(steps), len(COUNTS), size)
        by_name = {name: rewards[:, i] for i, name in enumerate(COUNTS)}
        by_name["seconds"] = np.divide(by_name["seconds"], by_name["rows"], out=np.full_like(by_name["rows"], np.nan), where=by_name["rows"] > 0)
        extremes = np.array([step.extremes for step in steps], float).reshape(len(steps), 3, size)
        longest = np.array([step.longest for step in steps], float).reshape(len(steps), 2)
        return RunSeries(
            np.array(numbers, np.int64),
            tuple(self._names),
            np.array([self._weights[name] for name in self._names], float),
            counts=by_name,
            low=extremes[:, 0],
            high=extremes[:, 1],
            at_high=extremes[:, 2],
            covariance=np.array([step.covariance for step in steps], float).reshape(len(steps), size, size),
            judged=np.array([step.judged for step in steps], float).reshape(len(steps), size + 1),
            flat=[step.flat for step in steps],
            length=np.divide(lengths, counts, out=np.full(len(steps), np.nan), where=counts > 0),
            longest=longest[:, 0],
            at_longest=longest[:, 1],
            log={name: (np.asarray(at, np.int64), np.asarray(values, float)) for name, (at, values) in (log or {}).items()},
            length_limit=self.length_limit,
            planned_steps=planned_steps,
            **plain,
        )
