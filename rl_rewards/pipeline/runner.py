"""Runs a batch's scorers side by side: what can run elsewhere is started first, rules run in the caller meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.pipeline.hang_watch import Watched
from rl_rewards.redaction import know_environment
from rl_rewards.scorers.base import Scorer
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["ScoringJob", "run_jobs"]


@dataclass(slots=True)
class ScoringJob:
    """A scorer and the rows that it is to score, and what came of them."""

    name: str
    scorer: Scorer
    samples: Sequence[Sample]
    answers: Sequence[Any]
    results: Sequence[Any] = ()
    seconds: float = 0.0
    """Wall time from its start to its end."""

    def run(self) -> None:
        start = time.perf_counter()
        self._keep(lambda: self.scorer.score(self.samples, self.answers))
        self.seconds = time.perf_counter() - start

    def submit(self) -> Future | None:
        """Start it elsewhere where its scorer can; None where it runs in the caller, or the start failed, with the failure kept."""
        start = time.perf_counter()
        try:
            future = self.scorer.submit(self.samples, self.answers)
        except BaseException as error:
            self._fail(failure_of(error))
            return None
        if future is not None:
            future.add_done_callback(lambda _: setattr(self, "seconds", time.perf_counter() - start))
        return future

    def collect(self, future: Future) -> None:
        self._keep(future.result)

    @property
    def done(self) -> bool:
        return len(self.results) == len(self.samples) > 0

    def _keep(self, produce: Callable[[], Sequence[EvaluateResult]]) -> None:
        try:
            results = produce()
            self.results = results if isinstance(results, list) else list(results)
        except BaseException as error:
            self._fail(failure_of(error))
            return
        if len(self.results) != len(self.samples):
            found = f"the scorer returned {len(self.results)} results for {len(self.samples)} samples"
            self._fail(EvaluateResult.failure(Outcome.ERROR, found))

    def _fail(self, failure: EvaluateResult) -> None:
        self.results = [EvaluateResult.failure(failure.outcome, failure.error or "", failure.cause) for _ in self.samples]


def run_jobs(jobs: Sequence[ScoringJob], warn_after: float) -> None:
    """Fill every job's results, one for each of its samples.

    The wall time is that of the slowest job that runs elsewhere, or of the rules together, whichever is longer. Exceptions become
    outcome `error`, for the whole batch of the job that raised.

    Args:
        warn_after: seconds after which a job that still runs is named in a warning, again after each doubling.
    """
    know_environment()
    watch = Watched(max((len(job.samples) for job in jobs), default=0), warn_after)
    try:
        started = [(job, job.submit()) for job in jobs]
        for job, future in started:
            if future is None and not job.done:
                watch.current = job
                job.run()
        for job, future in started:
            if future is not None:
                watch.current = job
                job.collect(future)
    finally:
        watch.stop()
