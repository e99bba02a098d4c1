"""The seconds that each row took, kept in its result for a run's record: no score depends on them."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any

from rl_rewards.runtime.calling.call_clock import CallClock
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["call_timed", "each_timed", "timed", "with_seconds"]


def with_seconds(result: Any, seconds: float) -> Any:
    """A row's result with the seconds that it took; what is no result, as it is.

    One that has seconds is another row's, too, such as a constant that a function returns: a copy of it gets this row's.
    """
    if result.__class__ is not EvaluateResult:
        return result
    if result.seconds is not None:
        result = copy.copy(result)
    result.seconds = seconds
    return result


def each_timed(score: Callable[[Sample, Any], Any], samples: Iterable[Sample], answers: Iterable[Any]) -> list[Any]:
    """`score` of each sample and its answer, with the seconds of each; the clock is read once a row."""
    results, before = [], perf_counter()
    for sample, answer in zip(samples, answers, strict=True):
        result = score(sample, answer)
        after = perf_counter()
        if result.__class__ is EvaluateResult and result.seconds is None:  # nearly always, so without a call
            result.seconds = after - before
        else:
            result = with_seconds(result, after - before)
        before = after
        results.append(result)
    return results


def timed(score: Callable[[Sample, Any], Any], sample: Sample, answer: Any) -> Any:
    """`score` of one sample and its answer, with the seconds that it took."""
    before = perf_counter()
    result = score(sample, answer)
    return with_seconds(result, perf_counter() - before)


async def call_timed(scoring: Awaitable[EvaluateResult]) -> EvaluateResult:
    """The result of a row that is scored by calls, with the seconds in which they were under way: what they waited for their turn does not count."""
    with CallClock() as clock:
        result = await scoring
    return with_seconds(result, clock.seconds)
