"""A user's own Python function as a scorer."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal

from rl_rewards.failures import described_with_place, failure_of
from rl_rewards.functions.arguments import Arguments
from rl_rewards.functions.results import as_result, as_results, listed
from rl_rewards.loading import load_object, object_path
from rl_rewards.runtime import event_loop
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.timing import with_seconds
from rl_rewards.types import EvaluateResult, MissingReferenceError, Outcome, Sample, describe

__all__ = ["FunctionScorer"]


class FunctionScorer(Scorer):
    """A decorated function: callable as before, and a scorer for a Reward.

    Called directly it takes the function's own arguments, turns message dicts into Messages where the annotation asks for them, and
    returns an EvaluateResult (a list of them in batch mode, an awaitable for an async function).

    Raises:
        ValueError: from a direct call, when the function returned something that is no result, or a batch of another length.
    """

    __wrapped__: Callable[..., Any]
    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., Any],
        mode: Literal["pointwise", "batch"] = "pointwise",
        concurrency: int = 64,
        isolate: bool = False,
        timeout: float | None = None,
        memory_mb: int | None = None,
        pure: bool = False,
    ) -> None:
        if mode not in ("pointwise", "batch"):
            raise ValueError(f"mode of reward function {_name(function)!r} is 'pointwise' or 'batch', got {mode!r}")
        if concurrency < 1:
            raise ValueError(f"concurrency of reward function {_name(function)!r} is at least 1, got {concurrency}")
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004
        if (timeout or memory_mb) and not (isolate or (self.is_async and not memory_mb)):
            raise ValueError(
                f"timeout and memory_mb of reward function {_name(function)!r} need isolate=True: "
                "what runs in the trainer's own process cannot be stopped (an async function's timeout can do without)"
            )
        functools.update_wrapper(self, function)
        self.__name__ = _name(function)  # a reward function is logged under it, also where the callable has none of its own
        if not hasattr(function, "__qualname__"):  # a partial, or an object with `__call__`: nothing that could be imported
            self.__qualname__ = f"<{self.__name__}>"
        self.mode: Literal["pointwise", "batch"] = mode
        self.concurrency = concurrency
        self.isolate, self.timeout, self.memory_mb, self._pure = isolate, timeout, memory_mb, pure
        self._arguments = Arguments(function, self.__name__)
        if isolate and (asked := self._arguments.asked_of_the_trainer()):
            raise ValueError(f"reward function {self.__name__!r} is isolated, and {asked} cannot leave the trainer's process")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if "completions" in kwargs and ("trainer_state" in kwargs or "completions" not in self._arguments.names):
            from rl_rewards.trl.apart import reward_function_of  # only a trainer's call leads up there: `reward_funcs=[my_function]`

            return reward_function_of(self, kwargs.get("log_metric"))(**kwargs)
        bound = inspect.signature(self.__wrapped__).bind_partial(*args, **kwargs)
        for name, depth in self._arguments.message_depth.items():
            if depth and bound.arguments.get(name) is not None:
                bound.arguments[name] = self._arguments.to_messages(bound.arguments[name], depth, name)
        size = _batch_size(bound.arguments) if self.mode == "batch" else None
        value = self.__wrapped__(*bound.args, **bound.kwargs)
        return self._await_result(value, size) if inspect.isawaitable(value) else self._result(value, size)

    async def _await_result(self, value: Awaitable[Any], size: int | None) -> Any:
        return self._result(await value, size)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        if self.mode == "batch":
            if lacking := self._lacking(samples):
                return _merged(lacking, self.score(*_others(samples, answers, lacking)) if len(lacking) < len(samples) else [])
            value = self.__wrapped__(**self._arguments.of_batch(samples, answers))
            if inspect.isawaitable(value):
                return event_loop.submit(self._finish_batch(value, len(samples))).result()
            if isinstance(value, (list, tuple)) and any(map(inspect.isawaitable, value)):
                return event_loop.submit(self._gathered(value, len(samples))).result()
            return as_results(value, len(samples), self.__name__)
        if self.is_async:
            return event_loop.submit(self._score_each(samples, answers)).result()
        function, arguments, results, waiting = self.__wrapped__, self._arguments.of, [], {}
        clock = time.perf_counter
        before = clock()
        for sample, answer in zip(samples, answers, strict=True):  # not `each_timed`: a call more would be a tenth of what a rule costs
            try:
                value = function(**arguments(sample, answer))
                if value.__class__ is not EvaluateResult:
                    if inspect.isawaitable(value):  # a lambda, a wrapper or an object may return what is to be awaited
                        waiting[len(results)] = value
                        value = EvaluateResult(None)
                    else:
                        value = as_result(value, self.__name__)
            except MemoryError:  # a worker's limit, which its owner reports
                raise
            except BaseException as error:  # the user's exception costs this row, with its reason; never a zero
                value = self._failure(error, sample)
            after = clock()
            if value.seconds is None:
                value.seconds = after - before
            else:
                value = with_seconds(value, after - before)
            before = after
            results.append(value)
        if waiting:
            for place, result in zip(waiting, event_loop.submit(self._finish_each(list(waiting.values()))).result(), strict=True):
                results[place] = result
        return results

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]] | None:
        """Start an async function on the event loop; any other runs in the caller."""
        if not self.is_async:
            return None
        return event_loop.submit(self._score_batch(samples, answers) if self.mode == "batch" else self._score_each(samples, answers))

    async def _score_batch(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        if lacking := self._lacking(samples):
            return _merged(lacking, await self._score_batch(*_others(samples, answers, lacking)) if len(lacking) < len(samples) else [])
        return await self._finish_batch(self.__wrapped__(**self._arguments.of_batch(samples, answers)), len(samples))

    async def _finish_batch(self, value: Awaitable[Any], size: int) -> list[EvaluateResult]:
        values = await _awaited(value)
        gathered = isinstance(values, (list, tuple)) and any(map(inspect.isawaitable, values))
        return await self._gathered(values, size) if gathered else as_results(values, size, self.__name__)

    async def _gathered(self, values: Sequence[Any], size: int) -> list[EvaluateResult]:
        """The results of a batch, some of which are to be awaited."""
        if len(values) != size:
            for value in filter(inspect.iscoroutine, values):
                value.close()  # nobody awaits it
            raise ValueError(f"reward function {self.__name__!r} returned {len(values)} results for a batch of {size}")
        return await self._finish_each([value if inspect.isawaitable(value) else _ready(value) for value in values])

    async def _score_each(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        async def call(sample: Sample, answer: Any) -> Any:
            try:
                return await self.__wrapped__(**self._arguments.of(sample, answer))
            except TypeError as error:
                return self._failure(error, sample)

        return await self._finish_each([call(sample, answer) for sample, answer in zip(samples, answers, strict=True)])

    async def _finish_each(self, calls: Sequence[Awaitable[Any]]) -> list[EvaluateResult]:
        slots = asyncio.Semaphore(self.concurrency)

        async def one(call: Awaitable[Any]) -> EvaluateResult:
            async with slots:
                start, limit = time.perf_counter(), asyncio.timeout(self.timeout)
                try:
                    async with limit:
                        result = as_result(await event_loop.contain(call), self.__name__)
                except BaseException as error:
                    late = isinstance(error, TimeoutError) and limit.expired()
                    result = EvaluateResult.failure(Outcome.TIMEOUT, f"took longer than {self.timeout:g} s", error) if late else failure_of(error)
                return with_seconds(result, time.perf_counter() - start)

        return list(await asyncio.gather(*(one(call) for call in calls)))

    def _failure(self, error: BaseException, sample: Sample) -> EvaluateResult:
        """The failed result of a call, with what a newcomer has to change: a column that the row lacks, an annotation that is missing."""
        if isinstance(error, AttributeError) and error.obj.__class__ is dict and error.name in ("role", "content"):
            hint = f"{described_with_place(error)}; messages are dicts where they are not annotated: write messages: list[Message] for Messages"
            return EvaluateResult.failure(Outcome.ERROR, hint, error)
        return (self._missing_columns(sample) if isinstance(error, TypeError) else None) or failure_of(error)

    def _lacking(self, samples: Sequence[Sample]) -> dict[int, EvaluateResult]:
        """The failed results of those rows of a batch that the function cannot be called with; the others are its batch then."""
        needs = self._arguments.columns
        return {place: failed for place, sample in enumerate(samples) if needs and (failed := self._missing_columns(sample)) is not None}

    def _missing_columns(self, sample: Sample) -> EvaluateResult | None:
        """The failed result of a row without a column that the function needs; None where it has all."""
        if self._arguments.columns <= sample.references.keys():
            return None
        missing = sorted(self._arguments.columns - sample.references.keys())
        has = f"it has {', '.join(sample.references)}" if sample.references else "it has no columns beside prompt and completion"
        return failure_of(
            MissingReferenceError(f"{self.__name__}() needs the column {', '.join(map(repr, missing))} of the row, and {has}", missing[:1])
        )

    @property
    def traits(self) -> Traits:
        return Traits(
            columns=self._arguments.columns,
            needs_groups=self.mode == "batch" and "group" in self._arguments.names,
            needs_token_ids="completion_ids" in self._arguments.required,
            per_sample=self.mode == "pointwise",
            reads_answer="parsed" in self._arguments.names,
            pure=self._pure,
            isolate=self.isolate,
            timeout=self.timeout,
            memory_mb=self.memory_mb,
        )

    def _result(self, value: Any, size: int | None) -> Any:
        if size is None:
            return as_result(value, self.__name__)
        return [as_result(item, self.__name__) for item in listed(value, size, self.__name__)]

    def bind(self, arguments: Mapping[str, Any]) -> FunctionScorer:
        """This function with some arguments fixed.

        Raises:
            ValueError: when it takes no argument of such a name.
        """
        unknown = sorted(set(arguments) - set(self._arguments.names))
        if unknown and not self._arguments.takes_all:
            raise ValueError(f"reward function {self.__name__!r} takes no {unknown}; it takes {list(self._arguments.names)}")
        bound: Any = functools.partial(self.__wrapped__, **arguments)
        bound.__name__, bound.__module__, bound.__qualname__ = self.__name__, self.__module__, self.__qualname__
        return FunctionScorer(bound, self.mode, self.concurrency, self.isolate, self.timeout, self.memory_mb, self._pure)

    @functools.cached_property
    def _alone(self) -> Any:
        from rl_rewards.reward import Reward  # only a trainer's call leads up there

        return Reward(self.__name__, self)

    def __reduce__(self) -> Any:
        return (load_object, (object_path(self.__module__, self.__qualname__),))  # by reference, as Python pickles functions

    def __reduce_by_value__(self) -> Any:
        """For `serialize_call`: how a worker makes it again where no import finds it, as in a notebook."""
        return (FunctionScorer, (self.__wrapped__, self.mode, self.concurrency, self.isolate, self.timeout, self.memory_mb, self._pure))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionScorer) and other.__wrapped__ is self.__wrapped__ and other.mode == self.mode

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __repr__(self) -> str:
        return f"<reward function {self.__module__}:{self.__qualname__}>"


async def _ready(value: Any) -> Any:
    return value


async def _awaited(value: Awaitable[Any]) -> Any:
    """The value of an awaitable.

    Raises:
        RuntimeError: from what is no Exception (`sys.exit()`, a cancellation), which would end the event loop, or its waiters' patience.
    """
    try:
        return await value
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(describe(error)) from error


def _others(samples: Sequence[Sample], answers: Sequence[Any], lacking: Mapping[int, Any]) -> tuple[list[Sample], list[Any]]:
    """The samples and answers of a batch without those at some places."""
    places = [place for place in range(len(samples)) if place not in lacking]
    return [samples[place] for place in places], [answers[place] for place in places]


def _merged(lacking: Mapping[int, EvaluateResult], others: Sequence[EvaluateResult]) -> list[EvaluateResult]:
    """A batch's results: those at some places, and the others' in between."""
    left = iter(others)
    return [lacking[place] if place in lacking else next(left) for place in range(len(lacking) + len(others))]


def _batch_size(arguments: Mapping[str, Any]) -> int:
    return next((len(value) for value in arguments.values() if isinstance(value, list)), -1)


def _name(function: Any) -> str:
    return getattr(function, "__name__", repr(function))
