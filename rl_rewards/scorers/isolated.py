"""`Isolated`: any scorer, run in a worker process that can be killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.runtime.workers.jobs import ItemResult
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample

# Items of one sample are small; a few together halve the cost of the way, and few enough are lost time when one of them is stuck.
_CHUNK = 4


class Isolated(Scorer):
    """A scorer that runs in worker processes: it can neither stall nor crash the trainer, and it sees none of its environment.

    A scorer that looks at one sample at a time is run so, and only the sample that misses the deadline, kills its worker or runs out of
    memory is lost; its batch-mates are not. One that needs its whole batch is run as a whole, and lost as a whole. What is lost is our
    failure (`timeout`, `crashed`, `error`: no score), because the scorer is ours; a scorer that wants to blame the policy's program must
    run that program itself and return a score.

    Args:
        scorer: what to run. It is sent to the workers once, so what it loads or caches in itself stays there.
        timeout: seconds that one sample (or the batch, for a scorer that needs it whole) may take.
        memory_mb: what a worker may allocate, in MiB; None for no limit.

    Raises:
        NotPicklableError: when the scorer cannot be sent to another process, with the reason. It is never run in the caller instead.
        ValueError: when the timeout is not positive, the memory limit too small for any worker, or the scorer runs in workers by itself.
    """

    def __init__(self, scorer: Scorer, timeout: float = 5.0, memory_mb: int | None = 1024) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, got {timeout}")
        if scorer.traits.runs_in_workers:
            raise ValueError(f"{type(scorer).__name__} runs in worker processes by itself: leave out `isolate` and set its own limits")
        if scorer.traits.calls_server:
            raise ValueError(f"{type(scorer).__name__} calls a server, with deadlines of its own: leave out `isolate` and set its own limits")
        self.scorer = scorer
        self.timeout = timeout
        self.memory_mb = memory_mb
        self._call = serialize_call(_OneSample(scorer) if scorer.traits.per_sample else _WholeBatch(scorer))
        shared_pool(memory_mb)

    @property
    def traits(self) -> Traits:
        return replace(self.scorer.traits, isolate=False, runs_in_workers=True)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start scoring a batch in the workers; the future's results are those of `score`."""
        pool = shared_pool(self.memory_mb)
        if not self.scorer.traits.per_sample:
            batch = pool.submit(self._call, [(list(samples), list(answers))], self.timeout)
            return _then(batch, lambda finished: _batch_results(finished[0], len(samples)))
        finished = pool.submit(self._call, list(zip(samples, answers, strict=True)), self.timeout, _CHUNK)
        return _then(finished, lambda done: [_result(one) for one in done])

    def __reduce__(self) -> Any:
        return (Isolated, (self.scorer, self.timeout, self.memory_mb))

    def __repr__(self) -> str:
        return f"Isolated({self.scorer!r}, timeout={self.timeout!r}, memory_mb={self.memory_mb!r})"


class _Remote:
    """A scorer as a worker sees it: called with one item."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        """N results; what the scorer raises fails all of them, with the place and the traceback in this process."""
        try:
            results = [_with_plain_numbers(result) for result in self.scorer.score(samples, answers)]
        except MemoryError:  # the worker's limit, which the pool reports
            raise
        except BaseException as error:
            return [failure_of(error) for _ in samples]
        if len(results) != len(samples):
            found = f"the scorer must return {len(samples)} results for {len(samples)} samples, got {len(results)}"
            return [EvaluateResult.failure(Outcome.ERROR, found) for _ in samples]
        return results

    def __repr__(self) -> str:
        return repr(self.scorer)


class _OneSample(_Remote):
    def __call__(self, item: tuple[Sample, Any]) -> EvaluateResult:
        return self.score([item[0]], [item[1]])[0]


class _WholeBatch(_Remote):
    def __call__(self, item: tuple[list[Sample], list[Any]]) -> list[EvaluateResult]:
        return self.score(*item)


def _with_plain_numbers(result: Any) -> Any:
    """The result with numpy scalars and 0-d tensors turned into Python numbers: only plain values may leave a worker."""
    if isinstance(result, EvaluateResult):
        result.score = _plain_number(result.score)
        for name, component in result.metrics.items():
            if isinstance(component, MetricResult):
                component.score = _plain_number(component.score)
            else:
                result.metrics[name] = _plain_number(component)
    return result


def _plain_number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value


def _result(finished: ItemResult) -> EvaluateResult:
    result = finished.value
    if finished.outcome is not Outcome.SCORED:
        result = EvaluateResult.failure(finished.outcome, finished.error or finished.outcome.value)
    if isinstance(result, EvaluateResult) and result.seconds is None:  # else the scorer measured it in the worker, which is more exact
        result.seconds = finished.seconds
    return result


def _batch_results(finished: ItemResult, size: int) -> list[EvaluateResult]:
    if finished.outcome is Outcome.SCORED:
        return finished.value
    return [EvaluateResult.failure(finished.outcome, finished.error or finished.outcome.value) for _ in range(size)]


def _then(finished: Future[list[ItemResult]], results_of: Callable[[list[ItemResult]], list[EvaluateResult]]) -> Future[list[EvaluateResult]]:
    """A future of what `results_of` makes of another future's value."""
    future: Future[list[EvaluateResult]] = Future()

    def pass_on(done: Future[list[ItemResult]]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(results_of(done.result()))
        except BaseException as error:  # CancelledError too: the waiting caller must get it
            future.set_exception(error)

    finished.add_done_callback(pass_on)
    return future
