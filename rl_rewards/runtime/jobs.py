"""What a pool is asked for, and how it ended: a job of many items, cut in chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, NamedTuple

from rl_rewards.types import Outcome


class PoolError(RuntimeError):
    """The pool itself cannot run: its server does not start, or the pool is closed."""


class Finished(NamedTuple):
    """How one item ended: `scored` with a value, or `timeout`, `crashed` or `error` (it raised) with the reason."""

    outcome: Outcome
    value: Any = None
    error: str | None = None


@dataclass(eq=False)
class Job:
    """One `submit`: its call, its items and, one by one, their results."""

    call: bytes
    items: list[bytes]
    timeout: float
    future: Future[list[Finished]]
    results: list[Finished | None]
    missing: int

    def finish(self, index: int, result: Finished) -> None:
        self.results[index] = result
        self.missing -= 1
        if self.missing == 0:
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                self.future.set_result(self.results)  # type: ignore[arg-type]

    def fail(self, error: PoolError) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


class Chunk(NamedTuple):
    """Items of a job that travel to a worker together."""

    job: Job
    indices: Sequence[int]
