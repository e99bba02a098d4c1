"""Scores the samples of many requests at once: those that wait together are one batch.

While a rubric scores, requests for it wait and become its next batch, so that a reward model sees full batches under load and a lone request
is scored at once. A batch that takes longer than a moment does not hold up the others: they go to a further thread, up to a limit.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rl_rewards.pipeline.columns import Evaluation, RewardColumn
from rl_rewards.rubric import Rubric
from rl_rewards.serving.errors import NoScoreError
from rl_rewards.types import Outcome, Sample

__all__ = ["Limits", "RubricService"]

_PATIENCE = 0.05  # seconds after which a batch that still runs no longer holds up others


@dataclass(frozen=True)
class Limits:
    """What one rubric's scoring may take.

    Attributes:
        timeout: seconds from a request's arrival to its answer.
        threads: batches of one rubric that are scored at once.
        batch_rows: samples that a batch holds at most, but for a request that has more by itself.
        waiting_rows: samples that wait at most; further requests are refused.
    """

    timeout: float = 300.0
    threads: int = 8
    batch_rows: int = 1024
    waiting_rows: int = 65_536


@dataclass(slots=True)
class _Request:
    samples: Sequence[Sample]
    answer: asyncio.Future[Evaluation]


class RubricService:
    """One rubric, scoring for many requests.

    Args:
        rubric: what scores.
        limits: how much at once, and for how long.
    """

    def __init__(self, rubric: Rubric, limits: Limits | None = None) -> None:
        self.rubric, self.limits = rubric, limits or Limits()
        self._waiting: deque[_Request] = deque()
        self._waiting_rows = 0
        self._threads: list[_Thread] = []
        self._timer: asyncio.TimerHandle | None = None
        self.warm = False

    @property
    def stuck(self) -> bool:
        """Whether every thread has been busy for longer than a request may take."""
        return len(self._threads) >= self.limits.threads and all(thread.busy_for() > self.limits.timeout for thread in self._threads)

    def warm_up(self) -> None:
        """Load what rewards load at their first batch, such as the weights of a reward model. Blocks."""
        for reward in self.rubric:
            if callable(load := getattr(reward.score, "load", None)):
                load()
        self.warm = True

    async def score(self, samples: Sequence[Sample]) -> Evaluation:
        """Score the samples of one request.

        Raises:
            NoScoreError: too many samples wait, or it took longer than a request may.
            RewardError: from a reward with `on_error: raise`.
        """
        if self._waiting and self._waiting_rows + len(samples) > self.limits.waiting_rows:
            raise NoScoreError(f"{self._waiting_rows} samples wait to be scored already", "overloaded", 1)
        loop = asyncio.get_running_loop()
        request = _Request(samples, loop.create_future())
        self._waiting.append(request)
        self._waiting_rows += len(samples)
        if len(self._waiting) == 1:  # those that arrive in the same turn of the loop share the batch
            loop.call_soon(self._hand_out)
        timer = loop.call_later(self.limits.timeout, self._give_up, request)
        try:
            return await request.answer
        finally:
            timer.cancel()

    def _give_up(self, request: _Request) -> None:
        if not request.answer.done():
            request.answer.set_exception(NoScoreError(f"not scored within {self.limits.timeout:g} s", "timeout"))

    def _hand_out(self) -> None:
        """Give waiting requests to threads: to the first at once, to a further one where those at work are slow."""
        while self._waiting:
            free = next((thread for thread in self._threads if not thread.is_busy), None)
            at_work = [thread.busy_for() for thread in self._threads if thread.is_busy]
            if at_work and min(at_work) < _PATIENCE:
                self._look_again(_PATIENCE - min(at_work))
                return
            if free is None and len(self._threads) >= self.limits.threads:
                return  # whoever finishes hands out
            if free is None:
                free = _Thread(self.rubric, asyncio.get_running_loop(), self._hand_out)
                self._threads.append(free)
            if batch := self._next_batch():
                free.start(batch)

    def _look_again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds) + 0.001, self._hand_out)

    def _next_batch(self) -> list[_Request]:
        batch: list[_Request] = []
        rows = 0
        while self._waiting and (not batch or rows + len(self._waiting[0].samples) <= self.limits.batch_rows):
            request = self._waiting.popleft()
            self._waiting_rows -= len(request.samples)
            if not request.answer.done():  # its caller gave up
                batch.append(request)
                rows += len(request.samples)
        return batch


def _is_lost(column: RewardColumn) -> bool:
    """Whether a reward that scores a batch as a whole raised on it: one request's row may be why, which is not the others' business."""
    traits = column.reward.score.traits
    if traits.per_sample or traits.calls_server or traits.holds_model or traits.rewards or not column.failed:
        return False
    return all(result.outcome in (Outcome.ERROR, Outcome.SKIPPED) for result in column.results)


class _Thread:
    """Scores one batch after the other. A daemon: one that never comes back must not keep the server from ending."""

    def __init__(self, rubric: Rubric, loop: asyncio.AbstractEventLoop, when_free: Callable[[], None]) -> None:
        self._rubric, self._loop, self._when_free = rubric, loop, when_free
        self._began: float | None = None
        self._batches: queue.SimpleQueue[list[_Request]] = queue.SimpleQueue()
        self._process = os.getpid()
        threading.Thread(target=self._run, name="rl-rewards-scoring", daemon=True).start()

    @property
    def is_busy(self) -> bool:
        return self._began is not None

    def busy_for(self) -> float:
        """Seconds since its batch began; 0 without one."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def start(self, batch: list[_Request]) -> None:
        self._began = time.monotonic()
        self._batches.put(batch)

    def _run(self) -> None:
        while True:
            answers = self._answers(self._batches.get())
            if os.getpid() != self._process:  # a reward forked and its child came back here: it shares the server's connections
                os._exit(1)
            try:
                self._loop.call_soon_threadsafe(self._finish, answers)
            except RuntimeError:  # the loop has ended
                return

    def _finish(self, answers: list[tuple[_Request, Evaluation | BaseException]]) -> None:
        self._began = None
        for request, answer in answers:
            if request.answer.done():
                continue
            if isinstance(answer, BaseException):
                request.answer.set_exception(answer)
            else:
                request.answer.set_result(answer)
        self._when_free()

    def _answers(self, batch: list[_Request]) -> list[tuple[_Request, Evaluation | BaseException]]:
        try:
            return self._scored(batch)
        except BaseException as error:
            if len(batch) == 1:
                stops = not isinstance(error, Exception)  # such as the KeyboardInterrupt of a reward, which is no request of ours to end
                return [(batch[0], NoScoreError(f"the batch could not be scored: {type(error).__name__}", "internal_error") if stops else error)]
        # One request's row stopped the batch (`on_error: raise`): the others are not its business.
        return [answer for request in batch for answer in self._answers([request])]

    def _scored(self, batch: list[_Request]) -> list[tuple[_Request, Evaluation | BaseException]]:
        samples: list[Sample] = []
        answers: list[tuple[_Request, int]] = []
        groups = 0
        for request in batch:
            answers.append((request, len(samples)))
            numbers: dict[int, int] = {}
            for sample in request.samples:  # two requests are never one group
                if sample.group is not None:
                    sample.group = groups + numbers.setdefault(sample.group, len(numbers))
                sample.index = len(samples)
                samples.append(sample)
            groups += len(numbers)
        evaluation = self._rubric.evaluate(samples)
        if len(batch) == 1:
            return [(batch[0], evaluation)]
        if any(map(_is_lost, evaluation.columns.values())):
            return [answer for request in batch for answer in self._answers([request])]
        return [(request, evaluation.part(start, start + len(request.samples))) for request, start in answers]
