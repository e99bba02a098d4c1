"""Faults that are injected into real GRPO runs, and what must come of each: survived, refused before step 1, or stopped with a reason.

test_faults.py runs them, scripts/bench/trainer_faults.py prints them. A run that survives must show its fault: rows on which the reward
failed, with the reason in the record, or the right score in spite of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from rl_rewards import EvaluateResult, Gate, MetricResult, Outcome, Reward, Rubric, reward_function
from rl_rewards.parsers.base import Parser
from rl_rewards.recording.recorder import RunRecorder
from rl_rewards.scorers.base import Scorer, Traits, configured
from rl_rewards.trl import RecordingCallback, reward_functions
from tests.trainers import tiny

Ending = Literal["survived", "refused before step 1", "stopped"]
DATA = {"prompt": [f"{i}+1=?" for i in range(4)], "answer": [str(i + 1) for i in range(4)]}


@dataclass
class Fault:
    """A fault and what must come of it.

    Attributes:
        rubric: makes the rubric; its reward `bad` is the one at fault.
        ending: what must come of the run.
        says: what the reason must say: in the record where the run survives, else in the exception.
        error_rate: of `bad`, in a run that survives.
        mean: of `bad`, in a run that survives; None where no row has a score.
        functions: the trainer's reward functions, where they are not the rubric's.
        options: of the GRPOConfig; parts: of the trainer.
    """

    rubric: Callable[[], Rubric]
    ending: Ending = "survived"
    says: str = ""
    error_rate: float = 0.0
    mean: float | None = 1.0
    functions: Callable[[Rubric], Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Finding:
    """What came of a run; `silent` where it survived without a trace of its fault."""

    ending: str
    reason: str
    error_rate: float | None = None
    mean: float | None = None


def run(fault: Fault, steps: int = 1) -> Finding:
    """Train on a fault, for one step of four completions in two groups."""
    evaluations: list[Any] = []
    generated: list[int] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            rubric = fault.rubric()
            recorder = RunRecorder(folder, rubric)

            def record(batch: Any, evaluation: Any) -> None:
                evaluations.append(evaluation)
                recorder.record(batch, evaluation)

            functions = fault.functions(rubric) if fault.functions else reward_functions(rubric, record)
            trainer = GRPOTrainer(**{**trainer_parts(folder, rubric, functions, fault.options), **fault.parts})
            # Its checks, without its closing table and plot.
            trainer.add_callback(type("Checks", (RecordingCallback,), {"on_train_end": lambda *_, **__: None})(recorder))
            generate = trainer._generate_and_score_completions
            trainer._generate_and_score_completions = lambda inputs: generated.append(1) or generate(inputs)
            trainer.train()
        except BaseException as error:
            return Finding("stopped" if generated else "refused before step 1", f"{type(error).__name__}: {error}")
        assert trainer.state.global_step == trainer.state.max_steps
        assert all(torch.isfinite(parameter).all() for parameter in trainer.model.parameters()), "the policy is destroyed"
        row = next(row for row in trainer.state.log_history if "reward" in row)
    results = [result for one in evaluations for result in one.columns["bad"].results]
    reasons = [result.error or result.reason or "" for result in results]
    rate, mean = row.get("rewards/bad/error_rate"), row.get("rewards/bad/mean")
    return Finding("survived", "; ".join(filter(None, dict.fromkeys(reasons))), rate, mean)


def trainer_parts(folder: str, rubric: Rubric, functions: Any, options: dict[str, Any]) -> dict[str, Any]:
    settings = {
        "per_device_train_batch_size": 4, "num_generations": 2, "max_steps": 1, "max_completion_length": 3, "learning_rate": 1e-4, "use_cpu": True,
        "bf16": False, "gradient_checkpointing": False, "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1,
        "reward_weights": rubric.reward_weights,
    }  # fmt: skip
    args = GRPOConfig(folder, **{**settings, **options})
    return {
        "model": policy(),
        "reward_funcs": functions,
        "args": args,
        "train_dataset": Dataset.from_dict(DATA),
        "processing_class": tiny.tokenizer(),
    }


@functools.cache
def policy() -> Any:
    return tiny.policy()


def judge(fault: Fault, found: Finding) -> str | None:
    """What is wrong with what came of a run; None where it is what must come of it."""
    if found.ending != fault.ending:
        return f"must be {fault.ending}, was {found.ending}: {found.reason:.300}"
    if not re.search(fault.says, found.reason):
        return f"must say {fault.says!r}, said {found.reason:.300}"
    if fault.ending != "survived":
        return None if fault.says else "must give a reason"
    if found.error_rate != fault.error_rate:
        return f"error_rate must be {fault.error_rate}, was {found.error_rate}: {found.reason:.300}"
    if found.mean is None or fault.mean is None:
        return None if found.mean is fault.mean else f"mean must be {fault.mean}, was {found.mean}"
    return None if math.isclose(found.mean, fault.mean, rel_tol=1e-6) else f"mean must be {fault.mean}, was {found.mean}"


# ---- Values that are awkward to touch ----


class BadStr(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class BadRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no repr for you")


class BadFloat(BadRepr):
    def __float__(self) -> float:
        raise RuntimeError("no number for you")


class BadMapping(dict):
    def items(self) -> Any:
        raise RuntimeError("no items for you")

    def __bool__(self) -> bool:
        return True


class Own(BaseException):
    """A BaseException of the user's own."""


class OwnResult(EvaluateResult):
    pass


@configured
class OddParser(Parser):
    """A user's own parser that misbehaves on every other response."""

    what: str = "raises"

    def parse(self, text: str) -> Any:
        odd = next(COUNTER) % 2
        if self.what == "exits" and odd:
            sys.exit(0)
        if self.what == "raises" and odd:
            raise KeyError("no such tag")
        return (lambda: text) if self.what == "cannot be pickled" else text


COUNTER = iter(range(10**9))


@configured
class OddScorer(Scorer):
    """A user's own scorer that misbehaves."""

    what: str = "raises"

    @property
    def traits(self) -> Traits:
        return Traits(needs_groups=self.what == "groups")

    def submit(self, samples: Sequence[Any], answers: Sequence[Any]) -> Any:
        if self.what == "submit raises":
            raise OSError("no worker left")
        return None

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> Any:
        right = [EvaluateResult(1.0) for _ in samples]
        if self.what == "raises":
            raise RuntimeError("the scorer broke")
        if self.what == "exits":
            sys.exit("the scorer left")
        odd = {"too few": right[1:], "too many": right * 2, "none": None, "a number": 1.0, "numbers": [1.0] * len(right), "a generator": iter(right)}
        return odd.get(self.what, right)


# ---- How rubrics are made of faults ----


def form() -> Reward:
    return Reward("form", reward_function(functools.partial(_one)), weight=0.25)


def _one(response: str) -> float:
    return 1.0


def rubric_with(bad: Reward, *others: Reward, **options: Any) -> Callable[[], Rubric]:
    return lambda: Rubric((bad, *(others or (form(),))), **options)


def function(body: Callable[[], Any], **options: Any) -> Any:
    """A reward that is right on even rows, and gives what `body` gives on odd ones."""

    def bad(sample: Any) -> Any:
        return body() if sample.index % 2 else 1.0

    return reward_function(bad, **options)


def raising(error: BaseException | type[BaseException]) -> Callable[[], Any]:
    def body() -> Any:
        raise error

    return body


def pointwise(body: Callable[[], Any], says: str, **expected: Any) -> Fault:
    """A function that is at fault on two rows of four."""
    return Fault(rubric_with(Reward("bad", function(body))), says=says, **{"error_rate": 0.5, **expected})


def whole(scorer: Any, says: str = "", **expected: Any) -> Fault:
    """A reward that is at fault for its batch."""
    return Fault(rubric_with(Reward("bad", scorer)), says=says, **{"error_rate": 1.0, "mean": None, **expected})


def recursion() -> Any:
    return recursion()


def asynchronous(body: Callable[[], Any], **options: Any) -> Any:
    async def bad(sample: Any) -> Any:
        await asyncio.sleep(0)
        return body() if sample.index % 2 else 1.0

    return reward_function(bad, **options)


def awaited(body: Callable[[], Any], says: str, **options: Any) -> Fault:
    return Fault(rubric_with(Reward("bad", asynchronous(body, **options))), says=says, error_rate=0.5)


async def _soon(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def _right(response: str) -> float:
    return 1.0


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        return function(**arguments)

    return call


class AsyncCallable:
    async def __call__(self, response: str) -> float:
        return 1.0


def batch(body: Callable[[list[str]], Any]) -> Any:
    def bad(completions: list[str]) -> Any:
        return body(completions)

    return reward_function(bad, mode="batch")


RAISED = {
    "RuntimeError": (raising(RuntimeError("broke")), "RuntimeError: broke"),
    "KeyError": (raising(KeyError("answer")), "KeyError: 'answer'"),
    "AssertionError without a message": (raising(AssertionError()), "AssertionError"),
    "ZeroDivisionError": (lambda: 1 / 0, "ZeroDivisionError"),
    "RecursionError": (recursion, "RecursionError"),
    "StopIteration": (raising(StopIteration), "StopIteration"),
    "StopAsyncIteration": (raising(StopAsyncIteration), "StopAsyncIteration"),
    "TimeoutError": (raising(TimeoutError("too slow")), "TimeoutError"),
    "UnicodeDecodeError": (lambda: b"\xff".decode(), "UnicodeDecodeError"),
    "an ExceptionGroup": (raising(ExceptionGroup("two", [OSError(), KeyError()])), "ExceptionGroup"),
    "an exception that cannot be printed": (raising(BadStr()), "BadStr"),
    "sys.exit(0)": (lambda: sys.exit(0), "SystemExit: 0"),
    "sys.exit() with a text": (lambda: sys.exit("bye"), "SystemExit: bye"),
    "GeneratorExit": (raising(GeneratorExit), "GeneratorExit"),
    "CancelledError": (raising(asyncio.CancelledError), "CancelledError"),
    "a BaseException of its own": (raising(Own("mine")), "Own: mine"),
    "a BaseExceptionGroup": (raising(BaseExceptionGroup("both", [Own()])), "BaseExceptionGroup"),
}
RETURNED = {
    "NaN": (lambda: math.nan, "finite number, got nan"),
    "infinity": (lambda: math.inf, "finite number, got inf"),
    "minus infinity": (lambda: -math.inf, "finite number, got -inf"),
    "more than float32 holds": (lambda: 1e39, "at most 1e\\+17 in size"),
    "less than float32 holds": (lambda: -1e39, "at most 1e\\+17 in size"),
    "what float32 cannot square": (lambda: 1e30, "at most 1e\\+17 in size"),
    "an int beyond floats": (lambda: 10**400, "OverflowError|too large"),
    "numpy's NaN": (lambda: np.float32("nan"), "finite number"),
    "Decimal NaN": (lambda: Decimal("NaN"), "finite number"),
    "a number as text": (lambda: "1.0", "got '1.0'"),
    "bytes": (lambda: b"1", "got b'1'"),
    "a list": (lambda: [1.0], r"got \[1.0\]"),
    "a complex number": (lambda: 1j, "got 1j"),
    "a complex number of numpy": (lambda: np.complex128(1 + 2j), "must be a number|returns .* a number.*got"),
    "text in an array": (lambda: np.array("1.0"), "returns .* a number.*got"),
    "a score beside an error": (lambda: EvaluateResult(0.0, error="the judge did not answer"), "the judge did not answer"),
    "a dict with a score beside an error": (lambda: {"score": 0.0, "error": "no key"}, "no key"),
    "a score that may be valid": (lambda: EvaluateResult(1.0, is_score_valid="no"), "is_score_valid must be true or false"),
    "a tensor of two": (lambda: torch.ones(2), r"got tensor.*mode=\"batch\""),
    "an array of two": (lambda: np.ones(2), r"got array.*mode=\"batch\""),
    "an object": (object, "got <object"),
    "an object that cannot be printed": (BadRepr, "no repr for you"),
    "a number that raises": (BadFloat, "no number for you"),
    "a dict without a score": (lambda: {"reason": "none"}, "needs 'score'"),
    "a dict with a field too many": (lambda: {"score": 1.0, "bogus": 1}, "bogus"),
    "a dict with metrics in a list": (lambda: {"score": 1.0, "metrics": [1]}, "metrics|items"),
    "a dict with an unknown outcome": (lambda: {"score": 1.0, "outcome": "wrong"}, "wrong"),
    "an invalid score": (lambda: EvaluateResult(1.0, "unsure", is_score_valid=False), "unsure"),
    "metrics in a list": (lambda: EvaluateResult(1.0, metrics=[1]), "metrics must be a mapping"),
    "metrics that raise": (lambda: EvaluateResult(1.0, metrics=BadMapping()), "no items for you|metrics"),
    "a component called None": (lambda: EvaluateResult(1.0, metrics={None: 1.0, "a": 1.0}), "name of a component must be text, got None"),
    "a component that is text": (lambda: EvaluateResult(1.0, metrics={"a": "high"}), "component 'a' must be a number"),
    "a MetricResult of text": (lambda: EvaluateResult(1.0, metrics={"a": MetricResult("high")}), "component 'a' must be a number"),
    "a component that raises": (lambda: EvaluateResult(1.0, metrics={"a": BadFloat()}), "component|no repr"),
    "an unknown outcome": (lambda: EvaluateResult(1.0, outcome="right"), "outcome must be one of"),
    "a score and outcome skipped": (lambda: EvaluateResult(1.0, outcome=Outcome.SKIPPED), "must have no score"),
    "a score and outcome error": (lambda: EvaluateResult(1.0, outcome=Outcome.ERROR), "must have no score"),
    "no score and outcome unparsed": (lambda: EvaluateResult(None, outcome=Outcome.UNPARSED), "must have a score"),
    "no score and outcome scored": (lambda: EvaluateResult(None, outcome=Outcome.SCORED), "must have a score"),
    "an error that is a dict": (lambda: EvaluateResult(None, error={"code": 500}), "500"),
    "an error that cannot be printed": (lambda: EvaluateResult(None, error=BadRepr()), "cannot be printed"),
}
# Odd, and right all the same.
TAKEN = {
    "a reason that is a dict": (lambda: EvaluateResult(1.0, {"a": 1}), "'a': 1"),
    "a reason that cannot be printed": (lambda: EvaluateResult(1.0, BadRepr()), "cannot be printed"),
    "an outcome as text": (lambda: EvaluateResult(1.0, outcome="scored"), ""),
    "components called by numbers": (lambda: EvaluateResult(1.0, metrics={1: 1.0}), ""),
    "True": (lambda: True, ""),
    "a Fraction": (lambda: Fraction(1, 1), ""),
    "a tensor of one": (lambda: torch.ones(()), ""),
    "None": (lambda: None, "returned None"),
    "a coroutine": (lambda: _soon(1.0), ""),
}
ASYNC = {
    "raises": (raising(RuntimeError("broke")), "RuntimeError: broke"),
    "calls sys.exit": (lambda: sys.exit(0), "SystemExit"),
    "is cancelled": (raising(asyncio.CancelledError), "CancelledError"),
    "raises GeneratorExit": (raising(GeneratorExit), "GeneratorExit"),
    "raises a BaseException of its own": (raising(Own("mine")), "Own"),
    "returns NaN": (lambda: math.nan, "finite number"),
    "returns text": (lambda: "1.0", "got '1.0'"),
}
AWAITABLE = {
    "an object with an async __call__": lambda: reward_function(AsyncCallable()),
    "a lambda that returns a coroutine": lambda: reward_function(lambda response: _soon(1.0)),
    "a wrapper around an async function": lambda: reward_function(wrapped(_right)),
    "a batch function that returns a coroutine": lambda: batch(lambda texts: _soon([1.0] * len(texts))),
    "a batch function that returns coroutines": lambda: batch(lambda texts: [_soon(1.0) for _ in texts]),
    "a coroutine of coroutines": lambda: batch(lambda texts: _soon([_soon(1.0) for _ in texts])),
}
BATCH = {
    "too few results": (lambda texts: [1.0], "returned 1 results for a batch of 4"),
    "too many results": (lambda texts: [1.0] * 9, "returned 9 results for a batch of 4"),
    "too few coroutines": (lambda texts: [_soon(1.0)], "returned 1 results for a batch of 4"),
    "one number": (lambda texts: 1.0, "returns a list of 4 results, got 1.0"),
    "one text": (lambda texts: "1111", "returns a list of 4 results"),
    "a dict": (lambda texts: dict.fromkeys(range(4), 1.0), "returns a list of 4 results"),
    "a set": (lambda texts: {float(i) for i in range(len(texts))}, "returns a list of 4 results"),
    "None": (lambda texts: None, "returns a list of 4 results, got None"),
    "an exception": (raising(BadStr()), ""),
}
SCORERS = {
    "raises": "RuntimeError: the scorer broke",
    "exits": "SystemExit: the scorer left",
    "submit raises": "OSError: no worker left",
    "too few": "returned 3 results for 4 samples",
    "too many": "returned 8 results for 4 samples",
    "none": "TypeError",
    "a number": "TypeError",
    "numbers": "must return EvaluateResults, got float",
}


# ---- Weights, names, data: refused before anything is generated ----


@reward_function
def exact(response: str, answer: str) -> float:
    return float(response == answer)


def weighted() -> Rubric:
    return Rubric((Reward("bad", exact, weight=0.5), Reward("metric", _scorer("m"), weight=0)))


def _scorer(name: str) -> Any:
    def one(response: str) -> float:
        return 1.0

    one.__name__ = name
    return reward_function(one)


def plain(completions: list[str], **columns: Any) -> list[float]:
    return [0.0] * len(completions)


def refused(says: str, rubric: Callable[[], Rubric] = weighted, **rest: Any) -> Fault:
    return Fault(rubric, "refused before step 1", says, **rest)


LOST = r"'bad' 1 instead of 0.5.*reward_weights=rubric.reward_weights"
NONE = {"reward_weights": None}
WEIGHTS = {
    "no weights": refused(LOST, options=NONE),
    "beside a plain function": refused(LOST, functions=lambda r: [*r.reward_funcs, plain], options=NONE),
    "behind a plain function": refused(LOST, functions=lambda r: [plain, *r.reward_funcs], options=NONE),
    "two rubrics": refused(LOST, functions=lambda r: [*r.reward_funcs, *Rubric((Reward("x", _scorer("x"), weight=2.0),)).reward_funcs], options=NONE),
    "lone rewards": refused(LOST, functions=lambda r: list(r.rewards), options=NONE),
    "metrics only": refused("'metric' 1 instead of 0", functions=lambda r: r.reward_funcs[1:], options=NONE),
    "a subset": refused(LOST, functions=lambda r: r.reward_funcs[:1], options=NONE),
    "a subset without a weighted reward": refused(
        r"every weighted reward.*without \['bad'\]", functions=lambda r: r.reward_funcs[1:], options={"reward_weights": [0.0]}
    ),
    "in another order": refused(LOST.replace("1 ", "0 "), functions=lambda r: r.reward_funcs[::-1], options={"reward_weights": [0.5, 0.0]}),
    "a list of ones": refused(LOST, options={"reward_weights": [1.0, 1.0]}),
    "a wrong list": refused("'bad' 0.4 instead of 0.5", options={"reward_weights": [0.4, 0.0]}),
    "in partials": refused(LOST, functions=lambda r: [functools.partial(f) for f in r.reward_funcs], options=NONE),
    "in wrappers": refused(LOST, functions=lambda r: [functools.wraps(f)(functools.partial(f)) for f in r.reward_funcs], options=NONE),
    "the rubric itself": refused("reward_funcs=rubric.reward_funcs", functions=lambda r: r, options=NONE),
    "the rubric in a list": refused("reward_funcs=rubric.reward_funcs", functions=lambda r: [r], options=NONE),
    "a function twice": refused(
        "different names.*'bad'", functions=lambda r: [r.reward_funcs[0], *r.reward_funcs], options={"reward_weights": [0.5, 0.5, 0]}
    ),
    "two rubrics with a reward of one name": refused(
        "different names.*'bad'", functions=lambda r: [*r.reward_funcs, *weighted().reward_funcs], options={"reward_weights": [0.5, 0, 0.5, 0]}
    ),
    "too few weights": refused("reward weights", options={"reward_weights": [0.5]}),
}


def data(**columns: Any) -> dict[str, Any]:
    return {"train_dataset": Dataset.from_dict({**DATA, **columns})}


def without_answer() -> Dataset:
    return Dataset.from_dict({"prompt": DATA["prompt"], "answers": DATA["answer"]})


def routed() -> Rubric:
    return Rubric((Reward("bad", exact, when={"task": "sum"}), form()))


def groups() -> Rubric:
    return Rubric((Reward("bad", OddScorer("groups")),))


EVAL = {"eval_strategy": "steps", "eval_steps": 1}
DATA_FAULTS = {
    "a missing column": refused("needs 'answer'.*did you mean 'answers'", parts={"train_dataset": without_answer()}),
    "an evaluation set without the column": refused("needs 'answer'", parts={"eval_dataset": without_answer()}, options=EVAL),
    "one evaluation set of two without it": refused(
        "needs 'answer'", parts={"eval_dataset": {"a": Dataset.from_dict(DATA), "b": without_answer()}}, options=EVAL
    ),
    "a task that nothing handles": refused("no reward handles task = 'product'", routed, parts=data(task=["sum", "sum", "product", "sum"])),
    "a column called completions": refused("names under which the trainer passes its own", parts=data(completions=["a"] * 4)),
    "a column called trainer_state": refused("names under which the trainer passes its own", parts=data(trainer_state=["a"] * 4)),
    "training batches that split groups": refused(
        "per_device_train_batch_size 1 x steps_per_generation 4|generation_batch_size|splits groups", groups,
        options={"per_device_train_batch_size": 3, "steps_per_generation": 1, "num_generations": 2},
    ),
    "evaluation batches that split groups": refused(
        "global eval batch size .3 . 1. must be divisible by the number of generations", groups, parts={"eval_dataset": Dataset.from_dict(DATA)},
        options={**EVAL, "per_device_eval_batch_size": 3, "num_generations_eval": 2},
    ),
    "a weight beyond float32": refused("weight must be at most", lambda: Rubric((Reward("bad", exact, weight=1e30),))),
    "a NaN weight": refused("finite", lambda: Rubric((Reward("bad", exact, weight=math.nan),))),
    "a number for failures beyond float32": refused("on_error must be at most", lambda: Rubric((Reward("bad", exact, weight=100.0, on_error=1e16),))),
}  # fmt: skip


@reward_function
def same(response: str, answer: Any, self: Any = "there", value: Any = "there", **rest: Any) -> float:
    """1 where the reference arrived as a plain Python value."""
    kinds = {type(item) for item in (answer if isinstance(answer, list) else [answer])}
    return float(kinds <= {str, int, float, bool} and self == "there" and value == "there")


def taken(says: str = "", **parts: Any) -> Fault:
    return Fault(rubric_with(Reward("bad", same)), says=says, parts=parts)


FORMATS = {
    "a column called self": taken(**data(self=["there"] * 4)),
    "a column called value": taken(**data(value=["there"] * 4)),
    "columns called name, key, function and scorer": taken(**data(name=["a"] * 4, key=["a"] * 4, function=["a"] * 4, scorer=["a"] * 4)),
    "integers formatted as torch": taken(train_dataset=Dataset.from_dict({**DATA, "answer": [1, 2, 3, 4]}).with_format("torch")),
    "lists formatted as torch": taken(train_dataset=Dataset.from_dict({**DATA, "answer": [[1, 2]] * 4}).with_format("torch")),
    "integers formatted as numpy": taken(train_dataset=Dataset.from_dict({**DATA, "answer": [1, 2, 3, 4]}).with_format("numpy")),
    "texts formatted as pandas": taken(train_dataset=Dataset.from_dict(DATA).with_format("pandas")),
    "ragged lists formatted as numpy": taken(train_dataset=Dataset.from_dict({**DATA, "answer": [[1], [1, 2], [3], [4]]}).with_format("numpy")),
}


# ---- TRL's own arguments, by name and through **kwargs ----

TRLS = ("prompts", "completions", "completion_ids", "trainer_state", "log_metric", "log_extra")


@reward_function
def by_name(prompts, completions, completion_ids, trainer_state, log_metric, log_extra) -> float:  # type: ignore[no-untyped-def]
    log_metric("seen", 1.0)
    return float(isinstance(prompts, str) and isinstance(completions, str) and isinstance(completion_ids, list) and trainer_state.global_step == 0)


@reward_function
def with_defaults(trainer_state: Any = None, log_metric: Any = None, environments: Any = "none") -> float:
    return float(trainer_state is not None and log_metric is not None and environments is None)


@reward_function
def through_kwargs(**kwargs: Any) -> float:
    return float(set(TRLS) <= set(kwargs) and "environments" not in kwargs and isinstance(kwargs["prompts"], str))


@reward_function(mode="batch")
def batch_by_name(prompts, completions, completion_ids, trainer_state, log_metric, log_extra, answer):  # type: ignore[no-untyped-def]
    log_extra("seen", prompts)
    whole = all(isinstance(each, list) and len(each) == 4 for each in (prompts, completions, completion_ids, answer))
    return [float(whole and trainer_state.max_steps == 1)] * len(completions)


@reward_function(mode="batch")
def batch_through_kwargs(completions, **kwargs):  # type: ignore[no-untyped-def]
    whole = set(TRLS) - {"completions"} <= set(kwargs) and len(kwargs["prompts"]) == len(kwargs["answer"]) == len(completions)
    return [float(whole and kwargs["trainer_state"].max_steps == 1)] * len(completions)


ARGUMENTS = {"by name": by_name, "with defaults": with_defaults, "through **kwargs": through_kwargs}
ARGUMENTS |= {"of a batch, by name": batch_by_name, "of a batch, through **kwargs": batch_through_kwargs}

# ---- Policies, gates, the watch ----

MORE: dict[str, Fault] = {
    "on_error: raise": Fault(
        rubric_with(Reward("bad", function(raising(OSError("down"))), on_error="raise")), "stopped", "'bad' failed with outcome 'error': OSError: down"
    ),
    "on_error: a number": Fault(rubric_with(Reward("bad", function(raising(OSError("down"))), on_error=-1.0)), says="down", error_rate=0.5, mean=0.0),
    "a reward that always fails": Fault(
        rubric_with(Reward("bad", OddScorer()), error_window=1, error_min_rows=4), "stopped", "'bad' failed on 4 of 4 rows.*the scorer broke"
    ),
    "a metric that always fails": Fault(
        lambda: Rubric((Reward("bad", OddScorer(), weight=0), form()), error_window=1, error_min_rows=1), says="broke", error_rate=1.0, mean=None
    ),
    "a gate that fails": Fault(
        lambda: Rubric((Reward("bad", _scorer("x"), gate=Gate("gate")), Reward("gate", function(raising(OSError("down"))), weight=0))),
        says="its gate 'gate' has no score here: OSError: down",
        error_rate=0.5,
    ),
    "a parser that raises": Fault(rubric_with(Reward("bad", _scorer("x"), OddParser())), says="the parser failed: KeyError", error_rate=0.5),
    "a parser that exits": Fault(rubric_with(Reward("bad", _scorer("x"), OddParser("exits"))), says="the parser failed: SystemExit", error_rate=0.5),
    "an answer that cannot be pickled": Fault(
        rubric_with(Reward("bad", reward_function(lambda response: 1.0, pure=True), OddParser("cannot be pickled")))
    ),
    "a MemoryError": whole(function(raising(MemoryError())), "MemoryError"),
    "an async reward that takes too long": awaited(lambda: None, "took longer than 0.05 s", timeout=0.05),
    "Ctrl-C in a reward": Fault(rubric_with(Reward("bad", function(raising(KeyboardInterrupt("asked to stop"))))), "stopped", "KeyboardInterrupt"),
    "a record that cannot be written": Fault(
        weighted, "stopped", "No space left", functions=lambda r: reward_functions(r, _full_disk)
    ),
    "rollouts that bring a column": Fault(
        lambda: Rubric((Reward("bad", reward_function(lambda response, found: found)), form())),
        parts={"rollout_func": lambda prompts, trainer: _rollouts(prompts, found=[1.0] * len(prompts))},
    ),
    "empty completions": Fault(
        rubric_with(Reward("bad", "think_answer_format")), mean=0.0, parts={"rollout_func": lambda prompts, trainer: _rollouts(prompts)}
    ),
}  # fmt: skip


def _full_disk(batch: Any, evaluation: Any) -> None:
    raise OSError(28, os.strerror(28))


def _rollouts(prompts: list[str], **fields: list[Any]) -> dict[str, list[Any]]:
    ids = [tiny.tokenizer()(prompt)["input_ids"] for prompt in prompts]
    return {"prompt_ids": ids, "completion_ids": [[1]] * len(prompts), "logprobs": [[-1.0]] * len(prompts), **fields}


def _slow() -> Any:
    async def bad(sample: Any) -> float:
        await asyncio.sleep(60 if sample.index % 2 else 0)
        return 1.0

    return reward_function(bad, timeout=0.05)


MORE["an async reward that takes too long"] = Fault(rubric_with(Reward("bad", _slow())), says="took longer than 0.05 s", error_rate=0.5)

FAULTS: dict[str, Fault] = {
    **{f"a function raises {name}": pointwise(*case) for name, case in RAISED.items()},
    **{f"a function returns {name}": pointwise(*case) for name, case in RETURNED.items()},
    **{f"a function returns {name}, which is taken": pointwise(*case, error_rate=0.0) for name, case in TAKEN.items()},
    **{f"an async function {name}": awaited(*case) for name, case in ASYNC.items()},
    **{f"awaited: {name}": Fault(lambda make=make: Rubric((Reward("bad", make()), form()))) for name, make in AWAITABLE.items()},
    **{f"a batch function returns {name}": whole(batch(body), says) for name, (body, says) in BATCH.items()},
    "a batch function returns one result that is none": Fault(
        rubric_with(Reward("bad", batch(lambda texts: [1.0, "1.0", 1.0, math.nan]))), says="got '1.0'.*finite number, got nan", error_rate=0.5
    ),
    **{f"a scorer: {name}": whole(OddScorer(name), says) for name, says in SCORERS.items()},
    **{f"TRL's arguments {name}": Fault(rubric_with(Reward("bad", asked))) for name, asked in ARGUMENTS.items()},
    **{f"weights: {name}": fault for name, fault in WEIGHTS.items()},
    **{f"data: {name}": fault for name, fault in {**DATA_FAULTS, **FORMATS}.items()},
    **MORE,
}
# One of each kind, for a quick look.
CORE = (
    "a function raises sys.exit(0)", "a function raises an exception that cannot be printed", "a function returns more than float32 holds",
    "a function returns metrics in a list", "an async function is cancelled", "awaited: a batch function that returns coroutines",
    "a scorer: too few", "weights: beside a plain function", "weights: in another order", "data: evaluation batches that split groups",
    "data: integers formatted as torch", "a gate that fails", "a parser that exits", "on_error: raise",
)  # fmt: skip
