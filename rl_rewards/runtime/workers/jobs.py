"""What a pool is asked for, and how it ended: a job of many items, cut in chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from rl_rewards.types import Outcome


class PoolError(RuntimeError):
    """The pool itself cannot run: its server does not start, or the pool is closed."""


class ItemResult(NamedTuple):
    """How one item ended: `scored` with a value, or `timeout`, `crashed` or `error` (it raised) with the reason.

    Attributes:
        seconds: wall time that it ran; None where it did not come to that, or its worker died.
    """

    outcome: Outcome
    value: Any = None
    error: str | None = None
    seconds: float | None = None


@dataclass(eq=False)
class PoolJob:
    """One `submit`: its call, its items and, one by one, their results."""

    call: bytes
    items: list[bytes]
    timeout: float
    future: Future[list[ItemResult]]
    results: list[ItemResult | None]
    missing: int

    def finish(self, index: int, result: ItemResult) -> None:
        self.results[index] = result
        self.missing -= 1
        if self.missing == 0:
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                self.future.set_result(self.results)  # type: ignore[arg-type]

    def fail(self, error: PoolError) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


class Stage(Enum):
    """How far a worker has come with a chunk."""

    SENT = "sent"
    """It has not begun: no code of the user has run for the chunk."""
    LOADING = "loading"
    """It loads the call."""
    RUNNING = "running"
    """It runs an item."""


_MOST_DEATHS = {Stage.SENT: 5, Stage.LOADING: 1, Stage.RUNNING: 1}


class Chunk(NamedTuple):
    """Items of a job that travel to a worker together.

    A worker may die for a reason that no item has anything to do with. So what it had not begun is sent again, and what it was at is run a
    second time: in a new worker, where no earlier item can be the reason, and alone in the pool where the fork server died, for which any
    running item may be the reason. An item that loses two workers is itself the reason.

    Attributes:
        indices: which items of the job.
        deaths: at which stages workers died with it; only a single item can have been running.
        exclusive: whether nothing else may run meanwhile.
    """

    job: PoolJob
    indices: Sequence[int]
    deaths: tuple[Stage, ...] = ()
    exclusive: bool = False

    def after_death(self, stage: Stage, with_server: bool) -> Chunk | None:
        """What to run again after a worker died with this chunk, or None after one death too many.

        Args:
            stage: how far the worker had come.
            with_server: whether the fork server died, too.
        """
        if self.deaths.count(stage) == _MOST_DEATHS[stage]:
            return None
        exclusive = self.exclusive or (with_server and stage is not Stage.SENT)
        return Chunk(self.job, self.indices, (*self.deaths, stage), exclusive)

    def fail(self, result: ItemResult) -> None:
        """The same result for all of its items."""
        for index in self.indices:
            self.job.finish(index, result)
