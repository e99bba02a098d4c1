"""Warnings while a run goes on: each once, at a bounded cost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from rl_rewards.recording.warnings.counting import StepCounter
from rl_rewards.recording.warnings.find import find_warnings
from rl_rewards.recording.warnings.warning import RunWarning

__all__ = ["LiveWarnings"]

# A look at the whole run waits for so many times as long as the last one took: all of them take a hundredth of the run's time at most.
_PAUSE = 100


class LiveWarnings:
    """Counts the rows of a run as they are recorded, and finds what is new to warn of.

    Args:
        length_limit: the most tokens that the trainer lets a completion have.
        planned_steps: the run's last step.
        earlier: rows of the run from before it was resumed; what they warn of has been said.
    """

    def __init__(self, length_limit: int | None = None, planned_steps: int | None = None, earlier: Iterable[pa.RecordBatch] = ()) -> None:
        self._counter, self._planned = StepCounter(length_limit), planned_steps
        self._said: set[tuple[str, str | None, str | None]] = set()
        self._next_look = 0.0
        for rows in earlier:
            self._counter.add(rows)
        if self._counter.steps:
            self.new()

    def add(self, rows: pa.RecordBatch) -> None:
        """Count a batch."""
        self._counter.add(rows)

    def new(self, log: Mapping[str, Any] | None = None, final: bool = False) -> list[RunWarning]:
        """What was not warned of before. Looks again only after a pause that is a hundred times as long as the last look took.

        Args:
            log: the trainer's own numbers: name -> (steps, values).
            final: whether the run is over, so that it is looked at in any case, and as a whole.
        """
        began = time.monotonic()
        if not final and began < self._next_look:
            return []
        found = find_warnings(self._counter.series(log, None if final else self._planned))
        self._next_look = time.monotonic() + _PAUSE * (time.monotonic() - began)
        new = [each for each in found if each.key not in self._said]
        self._said |= {each.key for each in new}
        return new
