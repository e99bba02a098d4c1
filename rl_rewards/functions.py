"""`@reward_function`: a user's own Python function as a scorer."""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, overload

from rl_rewards.failures import failure_of
from rl_rewards.loading import load_object, object_path
from rl_rewards.runtime import event_loop
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample, describe

__all__ = ["FunctionScorer", "as_result", "reward_function"]

# What a function may ask for by parameter name, beside the dataset's columns. These win over columns of the same name.
_Provider = Callable[[Sample, Any], Any]
_PROVIDED: dict[str, _Provider] = {
    "messages": lambda sample, parsed: sample.conversation,
    "prompt": lambda sample, parsed: sample.prompt,
    "completion": lambda sample, parsed: sample.completion,
    "response": lambda sample, parsed: sample.response,
    "parsed": lambda sample, parsed: parsed,
    "sample": lambda sample, parsed: sample,
    "completion_ids": lambda sample, parsed: sample.completion_ids,
    "step": lambda sample, parsed: sample.step,
    "group": lambda sample, parsed: sample.group,
    "environments": lambda sample, parsed: sample.caller["environments"][sample.index] if sample.caller and "environments" in sample.caller else None,
}
# Those that are attributes of the sample, by the same name.
_ATTRIBUTES = frozenset({"prompt", "completion", "response", "completion_ids", "step", "group"})
# What a trainer passes once for the whole batch; outside training there is none.
_OF_THE_CALL = ("trainer_state", "log_metric", "log_extra")
# What `**kwargs` receives beside the columns, when a trainer calls: TRL's own names.
_TRL_NAMES = ("prompts", "completions", "completion_ids", "environments", *_OF_THE_CALL)
# Names of other libraries for the same things: Reward Kit's, and TRL's plurals in batch mode; and one that data sets use, too. A dataset
# column of that name wins.
_ALIASES: dict[str, _Provider] = {
    "original_messages": lambda sample, parsed: sample.prompt_turns,
    "rollouts_messages": _PROVIDED["messages"],
    "prompts": _PROVIDED["prompt"],
    "completions": _PROVIDED["completion"],
    "reasoning": lambda sample, parsed: sample.reasoning,
}


_PENDING = EvaluateResult(None)


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
        parameters = inspect.signature(function).parameters.values()
        positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        if positional:
            raise ValueError(f"reward function {_name(function)!r} gets its arguments by name; {positional} cannot be passed so")
        self._parameters = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        self._required = frozenset(p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD)
        self._takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self._message_depth = {name: _message_depth(hint) for name, hint in _hints(function).items() if name in self._parameters}
        if isolate and (asked := [name for name in ("environments", *_OF_THE_CALL) if name in self._parameters]):
            raise ValueError(f"reward function {self.__name__!r} is isolated, and {asked} cannot leave the trainer's process")
        # Looked up once, since it is gone through for every sample: a parameter, who provides it, who does where no column is named so.
        self._plan = tuple(
            (name, _PROVIDED.get(name), _ALIASES.get(name), bool(self._message_depth.get(name)))
            for name in self._parameters
            if name not in _OF_THE_CALL
        )
        self._of_the_call = tuple(name for name in _OF_THE_CALL if name in self._parameters)
        # Most functions ask for attributes of the sample and columns alone.
        plain = not (self._takes_all or self._of_the_call or any(self._message_depth.values())) and not (
            set(self._parameters) & ((_PROVIDED.keys() | _ALIASES.keys()) - _ATTRIBUTES)
        )
        self._plain = plain
        self._attributes = tuple(name for name in self._parameters if name in _ATTRIBUTES)
        self._columns = tuple(name for name in self._parameters if name not in _ATTRIBUTES)
        # A column called as the first parameter of a method cannot reach it by name.
        bound_first = [*inspect.signature(function.__func__).parameters][:1] if inspect.ismethod(function) else []
        self._unreachable = frozenset(bound_first)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if "completions" in kwargs and ("trainer_state" in kwargs or "completions" not in self._parameters):
            return self._alone(**kwargs)  # a trainer's call: `reward_funcs=[my_function]`
        bound = inspect.signature(self.__wrapped__).bind_partial(*args, **kwargs)
        for name, depth in self._message_depth.items():
            if depth and bound.arguments.get(name) is not None:
                bound.arguments[name] = self._to_messages(bound.arguments[name], depth, name)
        size = _batch_size(bound.arguments) if self.mode == "batch" else None
        value = self.__wrapped__(*bound.args, **bound.kwargs)
        return self._await_result(value, size) if inspect.isawaitable(value) else self._result(value, size)

    async def _await_result(self, value: Awaitable[Any], size: int | None) -> Any:
        return self._result(await value, size)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        if self.mode == "batch":
            value = self.__wrapped__(**self._batch_arguments(samples, answers))
            if inspect.isawaitable(value):
                return event_loop.submit(self._finish_batch(value, len(samples))).result()
            if isinstance(value, (list, tuple)) and any(map(inspect.isawaitable, value)):
                return event_loop.submit(self._gathered(value, len(samples))).result()
            return self._each_result(value, len(samples))
        if self.is_async:
            return event_loop.submit(self._score_each(samples, answers)).result()
        function, arguments, results, waiting = self.__wrapped__, self._arguments, [], {}
        for sample, answer in zip(samples, answers, strict=True):
            try:
                value = function(**arguments(sample, answer))
                if value.__class__ is not EvaluateResult:
                    if inspect.isawaitable(value):  # a lambda, a wrapper or an object may return what is to be awaited
                        waiting[len(results)] = value
                        value = _PENDING
                    else:
                        value = as_result(value, self.__name__)
                results.append(value)
            except MemoryError:  # a worker's limit, which its owner reports
                raise
            except BaseException as error:  # the user's exception costs this row, with its reason; never a zero
                results.append(failure_of(error))
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
        return await self._finish_batch(self.__wrapped__(**self._batch_arguments(samples, answers)), len(samples))

    async def _finish_batch(self, value: Awaitable[Any], size: int) -> list[EvaluateResult]:
        values = await _awaited(value)
        gathered = isinstance(values, (list, tuple)) and any(map(inspect.isawaitable, values))
        return await self._gathered(values, size) if gathered else self._each_result(values, size)

    async def _gathered(self, values: Sequence[Any], size: int) -> list[EvaluateResult]:
        """The results of a batch, some of which are to be awaited."""
        if len(values) != size:
            raise ValueError(f"reward function {self.__name__!r} returned {len(values)} results for a batch of {size}")
        return await self._finish_each([value if inspect.isawaitable(value) else _ready(value) for value in values])

    async def _score_each(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        async def call(sample: Sample, answer: Any) -> Any:
            return await self.__wrapped__(**self._arguments(sample, answer))

        return await self._finish_each([call(sample, answer) for sample, answer in zip(samples, answers, strict=True)])

    async def _finish_each(self, calls: Sequence[Awaitable[Any]]) -> list[EvaluateResult]:
        slots = asyncio.Semaphore(self.concurrency)

        async def one(call: Awaitable[Any]) -> EvaluateResult:
            async with slots:
                limit = asyncio.timeout(self.timeout)
                try:
                    async with limit:
                        return as_result(await event_loop.contain(call), self.__name__)
                except BaseException as error:
                    if isinstance(error, TimeoutError) and limit.expired():
                        return EvaluateResult.failure(Outcome.TIMEOUT, f"took longer than {self.timeout:g} s", error)
                    return failure_of(error)

        return list(await asyncio.gather(*(one(call) for call in calls)))

    @property
    def traits(self) -> Traits:
        provided = {*_PROVIDED, *_ALIASES, *_OF_THE_CALL}
        return Traits(
            columns=frozenset(self._required - provided),
            needs_token_ids="completion_ids" in self._required,
            per_sample=self.mode == "pointwise",
            reads_answer="parsed" in self._parameters,
            pure=self._pure,
            isolate=self.isolate,
            timeout=self.timeout,
            memory_mb=self.memory_mb,
        )

    def _arguments(self, sample: Sample, parsed: Any) -> dict[str, Any]:
        references = sample.references
        if self._plain:
            arguments = {}
            for name in self._attributes:
                arguments[name] = getattr(sample, name)
            for name in self._columns:
                if name in references:
                    arguments[name] = references[name]
            return arguments
        arguments = self._all_arguments(sample) if self._takes_all else {}
        for name in self._of_the_call:
            if (sample.caller and name in sample.caller) or name in self._required:
                arguments[name] = (sample.caller or {}).get(name)
        for name, provide, alias, is_messages in self._plan:
            if provide is not None:
                value = provide(sample, parsed)
            elif name in references:
                value = references[name]
            elif alias is not None:
                value = alias(sample, parsed)
            else:
                continue
            arguments[name] = self._to_messages(value, 1, name) if is_messages and value is not None else value
        return arguments

    def _all_arguments(self, sample: Sample) -> dict[str, Any]:
        """What `**kwargs` receives: every column, and in a trainer's call what TRL passes to its reward functions."""
        arguments = {name: value for name, value in sample.references.items() if name not in self._unreachable}
        if sample.caller:
            for name in _TRL_NAMES:
                if name in _OF_THE_CALL:
                    arguments[name] = sample.caller.get(name)
                elif name != "environments" or name in sample.caller:
                    arguments.setdefault(name, (_PROVIDED.get(name) or _ALIASES[name])(sample, None))
        return arguments

    def _batch_arguments(self, samples: Sequence[Sample], answers: Sequence[Any]) -> dict[str, Any]:
        rows = [self._arguments(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        names = {name: None for row in rows for name in row}
        return {name: rows[0].get(name) if name in _OF_THE_CALL else [row.get(name) for row in rows] for name in names}

    def _to_messages(self, value: Any, depth: int, name: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name!r} of reward function {self.__name__!r} must be a list of messages, got {type(value).__name__}")
        if depth > 1:
            return [self._to_messages(item, depth - 1, name) for item in value]
        return [Message.model_validate(item) for item in value]

    def _result(self, value: Any, size: int | None) -> Any:
        if size is None:
            return as_result(value, self.__name__)
        return [as_result(item, self.__name__) for item in self._listed(value, size)]

    def _listed(self, value: Any, size: int) -> list[Any]:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
            raise ValueError(f"reward function {self.__name__!r} in batch mode returns a list of {size} results, got {value!r:.80}")
        values = list(value)
        if size >= 0 and len(values) != size:
            raise ValueError(f"reward function {self.__name__!r} returned {len(values)} results for a batch of {size}")
        return values

    def _each_result(self, value: Any, size: int) -> list[EvaluateResult]:
        """A batch function's results: one that is none costs its row, a list of another length the batch.

        Raises:
            ValueError: when it is no list of `size` results.
        """
        results = []
        for item in self._listed(value, size):
            try:
                results.append(as_result(item, self.__name__))
            except BaseException as error:
                results.append(failure_of(error))
        return results

    def bind(self, arguments: Mapping[str, Any]) -> FunctionScorer:
        """This function with some arguments fixed.

        Raises:
            ValueError: when it takes no argument of such a name.
        """
        unknown = sorted(set(arguments) - set(self._parameters))
        if unknown and not self._takes_all:
            raise ValueError(f"reward function {self.__name__!r} takes no {unknown}; it takes {list(self._parameters)}")
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


@overload
def reward_function(
    function: Callable[..., Any],
    *,
    mode: Literal["pointwise", "batch"] = ...,
    concurrency: int = ...,
    isolate: bool = ...,
    timeout: float | None = ...,
    memory_mb: int | None = ...,
    pure: bool = ...,
) -> FunctionScorer: ...


@overload
def reward_function(
    function: None = None,
    *,
    mode: Literal["pointwise", "batch"] = ...,
    concurrency: int = ...,
    isolate: bool = ...,
    timeout: float | None = ...,
    memory_mb: int | None = ...,
    pure: bool = ...,
) -> Callable[[Callable[..., Any]], FunctionScorer]: ...


def reward_function(
    function: Callable[..., Any] | None = None,
    *,
    mode: Literal["pointwise", "batch"] = "pointwise",
    concurrency: int = 64,
    isolate: bool = False,
    timeout: float | None = None,
    memory_mb: int | None = None,
    pure: bool = False,
) -> FunctionScorer | Callable[[Callable[..., Any]], FunctionScorer]:
    """Make a reward function of a Python function, sync or async.

    It receives by parameter name what it asks for: `messages` (prompt and completion; Messages where annotated so, else dicts),
    `original_messages` (the prompt), `prompt`, `completion`, `response` (text), `parsed` (the parser's answer),
    `reasoning` (what the response thought, in the text or split off by the trainer; None without), `sample`,
    `completion_ids` (int, length T), `step`, `group`, any dataset column, and what TRL passes: `trainer_state`, `log_metric`, `log_extra`,
    `environments`. `**kwargs` receives all columns. In batch mode each is a list of N, but for what TRL passes once a batch, and TRL's names
    `prompts` and `completions` work too, so a plain TRL reward function can be wrapped as it is.

    Args:
        mode: "pointwise": one call per sample; "batch": one call per batch, returning one result per sample.
        concurrency: how many calls of an async pointwise function are in flight at once.
        isolate: score in worker processes that are killed when they hang, crash or use too much memory.
        timeout: seconds that one call may take; for isolated and async functions.
        memory_mb: what a worker may allocate, in MiB; for isolated functions.
        pure: the score follows from prompt, response, references and answer alone, so equal samples of a batch are scored once.

    Returns:
        A FunctionScorer. The function may return an EvaluateResult, a dict of its fields, a number, a bool, or None (not applicable).
        What it raises is outcome `error`, never a zero.

    Raises:
        ValueError: when an option is wrong, such as a timeout for a function that runs in the trainer's own process.

    Example:
        GRPOTrainer(model, reward_funcs=[short], ...), or `score: {function: my_rewards.py:short}` in a rubric file.

        >>> @reward_function
        ... def short(response: str, **columns) -> float:
        ...     return float(len(response) < 100)
        >>> short(response="Yes.").score
        1.0
        >>> short(prompts=["Well?", "Well?"], completions=["Yes.", 200 * "No. "])
        [1.0, 0.0]
    """
    options: Any = {"mode": mode, "concurrency": concurrency, "isolate": isolate, "timeout": timeout, "memory_mb": memory_mb, "pure": pure}
    return functools.partial(FunctionScorer, **options) if function is None else FunctionScorer(function, **options)


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


def as_result(value: Any, name: str) -> EvaluateResult:
    """An EvaluateResult from whatever a reward function may return.

    Raises:
        ValueError: naming the function and what it returned.
    """
    if value.__class__ is EvaluateResult:
        return value
    if value.__class__ is float:
        return EvaluateResult(value)
    if value is None:
        return EvaluateResult.skip("the reward function returned None")
    if isinstance(value, Mapping):
        fields = {key: item for key, item in value.items() if key in EvaluateResult._fields}
        unknown = sorted(set(value) - set(fields))
        if "score" not in fields or unknown:
            raise ValueError(f"reward function {name!r} returned a dict with {sorted(value)}; it needs 'score' and may have {EvaluateResult._fields}")
        fields["metrics"] = {key: MetricResult(**item) if isinstance(item, Mapping) else item for key, item in (fields.get("metrics") or {}).items()}
        if "outcome" in fields:
            fields["outcome"] = Outcome(fields["outcome"])
        return EvaluateResult(**fields)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        batch = '; a function of a whole batch is decorated with @reward_function(mode="batch")' if isinstance(value, (list, tuple)) else ""
        raise ValueError(f"reward function {name!r} returns an EvaluateResult, a dict, a number, a bool or None; got {value!r:.80}{batch}")
    return EvaluateResult(float(value))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function.func if isinstance(function, functools.partial) else function)
    except Exception:
        # An annotation that cannot be resolved (a name under TYPE_CHECKING) must not break the function: it gets what is unannotated.
        return {}


def _message_depth(hint: Any) -> int:
    """How many lists deep an annotation holds Messages: 1 for list[Message], 2 for list[list[Message]], through Optional and Union; else 0."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return max((_message_depth(arm) for arm in typing.get_args(hint)), default=0)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        inner = typing.get_args(hint)[0]
        return 1 if inner is Message else (1 + depth if (depth := _message_depth(inner)) else 0)
    return 0


def _batch_size(arguments: Mapping[str, Any]) -> int:
    return next((len(value) for value in arguments.values() if isinstance(value, list)), -1)


def _name(function: Any) -> str:
    return getattr(function, "__name__", repr(function))
