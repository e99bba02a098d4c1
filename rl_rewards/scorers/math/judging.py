"""A batch of answers on its way through the workers, and the verdicts that come of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rl_rewards.runtime.workers.jobs import ItemResult
from rl_rewards.runtime.workers.pool import WorkerPool
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool
from rl_rewards.scorers.math.rules import Rules
from rl_rewards.scorers.timing import with_seconds
from rl_rewards.types import EvaluateResult, Outcome

__all__ = ["Judging", "Open", "Verdict", "best"]

# What can take long: these answers are started first, so that the deadline of one does not begin when all others are done.
_SUSPICIOUS = re.compile(r"[\^!]|\\(?:binom|sum|int|prod|lim|frac)")


class Verdict(NamedTuple):
    """What was found about one answer and one reference; a later kind is the better news where a row has several references."""

    kind: Literal["unreadable_reference", "error", "wrong", "unreadable_answer", "timeout", "crashed", "right"]
    reason: str


_RANK = ("unreadable_reference", "error", "wrong", "unreadable_answer", "timeout", "crashed", "right")
Pair = tuple[str, str]


class Open(NamedTuple):
    """A row that needs algebra: the pairs to be judged, and what is known of its other references."""

    pairs: list[Pair]
    verdicts: list[Verdict]


class Judging:
    """A batch on its way through the workers."""

    def __init__(
        self, rows: Sequence[EvaluateResult | Open], rules: Rules, result: Callable[[Verdict], EvaluateResult], timeout: float, memory_mb: int
    ) -> None:
        self._rows = rows
        self._rules = rules
        self._result = result
        self._timeout, self._memory_mb = timeout, memory_mb
        pairs = {pair: None for row in rows if isinstance(row, Open) for pair in row.pairs}  # equal pairs are judged once
        self._pairs = sorted(pairs, key=_suspicion, reverse=True)
        self._future: Future[list[EvaluateResult]] = Future()
        self._verdicts: dict[Pair, Verdict] = {}
        self._seconds: dict[Pair, float] = {}

    def start(self) -> Future[list[EvaluateResult]]:
        """Start the open pairs in the workers; the future holds one result a row."""
        if not self._pairs:
            self._finish()
            return self._future
        self._run("judge", [(reference, answer, self._rules) for reference, answer in self._pairs], self._judged)
        return self._future

    def _run(self, function: str, items: Sequence[Any], then: Any) -> None:
        def pass_on(done: Future[list[ItemResult]]) -> None:
            try:
                then(done.result())
            except BaseException as error:  # CancelledError too: the waiting caller must get it
                self._future.set_exception(error)

        call, pool = _algebra(function), _pool(self._memory_mb)
        pool.submit(call, items, self._timeout).add_done_callback(pass_on)

    def _judged(self, finished: list[ItemResult]) -> None:
        self._verdicts = {pair: _verdict_of(one) for pair, one in zip(self._pairs, finished, strict=True)}
        self._seconds = {pair: one.seconds or 0.0 for pair, one in zip(self._pairs, finished, strict=True)}
        doubtful = sorted({reference for (reference, _), verdict in self._verdicts.items() if verdict.kind in ("timeout", "crashed")})
        if not doubtful:
            self._finish()
            return
        # Reading the reference may be what took so long, which would not be the policy's fault.
        self._run("check_reference", doubtful, lambda checked: self._cleared(doubtful, checked))

    def _cleared(self, references: list[str], checked: list[ItemResult]) -> None:
        ours = {reference for reference, one in zip(references, checked, strict=True) if one.value is not True}
        for pair, verdict in self._verdicts.items():
            if pair[0] in ours and verdict.kind in ("timeout", "crashed"):
                self._verdicts[pair] = Verdict("unreadable_reference", f"the reference cannot be read: {pair[0]:.200}")
        self._finish()

    def _finish(self) -> None:
        self._future.set_result([row if isinstance(row, EvaluateResult) else self._closed(row) for row in self._rows])

    def _closed(self, row: Open) -> EvaluateResult:
        result = self._result(best([*row.verdicts, *(self._verdicts[pair] for pair in row.pairs)]))
        # The first row with a pair has its time: it was judged once.
        return with_seconds(result, sum(self._seconds.pop(pair, 0.0) for pair in row.pairs))


def best(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that counts where a row has several references: right for one is right."""
    return max(verdicts, key=lambda verdict: _RANK.index(verdict.kind))


def _verdict_of(finished: ItemResult) -> Verdict:
    if finished.outcome is Outcome.SCORED:
        return Verdict(*finished.value)
    kind: Any = finished.outcome.value
    return Verdict(kind, finished.error or kind)


def _suspicion(pair: Pair) -> int:
    return len(pair[1]) + 100 * len(_SUSPICIOUS.findall(pair[1]))


class _Algebra:
    """A function of `algebra`, by name: sympy is loaded where this is unpickled, which is never the trainer's process."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> Any:
        return (_load_algebra, (self._name,))


def _load_algebra(name: str) -> Any:
    from rl_rewards.scorers.math import algebra

    return getattr(algebra, name)


@lru_cache(maxsize=2)
def _algebra(function: str) -> bytes:
    return serialize_call(_Algebra(function))


def _pool(memory_mb: int) -> WorkerPool:
    pool = shared_pool(memory_mb)
    pool.preload("rl_rewards.scorers.math.algebra")
    return pool
