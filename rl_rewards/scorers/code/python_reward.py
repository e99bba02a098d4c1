"""A response scored by a snippet of the user's own, in a sandbox."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from rl_rewards.runtime.sandbox import Call, Engine, EngineName, Limits, engine
from rl_rewards.runtime.sandbox.cell.plain import NotPlain, encode
from rl_rewards.scorers.base import RowScorer, Traits, configured
from rl_rewards.types import EvaluateResult, Message, Outcome, Sample

FUNCTION = "evaluate"


@configured
class PythonReward(RowScorer):
    """Calls `evaluate(example: dict, response: dict) -> float` of a Python snippet, each time in a fresh interpreter.

    The dicts are those of Vertex AI's code execution reward: `example` is {contents, systemInstruction, references} with the prompt's turns
    as {role, parts: [{text}]} and the row's columns as references; `response` is {role: "model", parts: [{text: the answer}]}.

    The snippet is the user's, so whatever goes wrong in it is ours: `error`, `timeout`, `crashed` or `unsupported`, never a zero. A bool is
    taken as 1 or 0; None, text, NaN and infinities are errors.

    Raises:
        ValueError: when the snippet does not compile or defines no `evaluate` with two parameters; for a limit that is not positive.
        ImportError: for the engine `monty` without pydantic-monty.
    """

    snippet: str
    """Python text that defines `evaluate(example, response)`."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of a response without an answer, where a parser found none."""
    timeout: Annotated[float, Field(gt=0)] = field(default=10.0, kw_only=True)
    """Seconds of wall time for a call."""
    memory_mb: Annotated[int, Field(gt=0)] = field(default=1024, kw_only=True)
    """Memory of a call, in MiB."""
    engines: tuple[EngineName, ...] = field(default=("process",), kw_only=True)
    """Where it runs: `process` (CPython, Linux's walls), `monty` (a part of Python, quicker), or both in the order of trying."""
    workers: Annotated[int, Field(gt=0)] | None = field(default=None, kw_only=True)
    """How many calls run at once; twice the processors, sixteen at most, by default."""
    require_isolation: bool = field(default=False, kw_only=True)
    """Refuse to run where the kernel lacks one of the walls of `process`."""

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.snippet)
        except SyntaxError as error:
            raise ValueError(f"the snippet does not compile: {error}") from None
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == FUNCTION]
        if not functions:
            defined = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
            raise ValueError(f"the snippet must define `def {FUNCTION}(example, response)`; it defines {defined}")
        parameters = functions[-1].args
        if len(parameters.posonlyargs + parameters.args) < 2 and parameters.vararg is None:
            raise ValueError(f"`{FUNCTION}` takes two arguments, example and response; this one has {ast.unparse(parameters) or 'none'}")
        _ = self._engine  # made now, so that a wrong or missing one is refused now; it starts nothing yet

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=True)  # the service hands a snippet all that the model wrote

    @property
    def _engine(self) -> Engine:
        return engine(*self.engines, workers=self.workers, require_isolation=self.require_isolation)

    @cached_property
    def _limits(self) -> Limits:
        return Limits(self.timeout, self.memory_mb)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start scoring a batch; the future holds what `score` returns."""
        return self._engine.submit(lambda pair: self.score_row(*pair), list(zip(samples, answers, strict=True)))

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        arguments = [example_of(sample), {"role": "model", "parts": [{"text": str(answer)}]}]
        [execution] = self._engine.run_trusted(self.snippet, [Call(FUNCTION, arguments)], self._limits)
        if not execution.ran:
            return EvaluateResult.failure(execution.outcome, f"{FUNCTION}: {execution.error}")
        return _result(execution.value)


def _result(value: Any) -> EvaluateResult:
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        return EvaluateResult(float(value))
    return EvaluateResult.failure(Outcome.ERROR, f"{FUNCTION} must return a finite number, got {value!r:.80}")


def example_of(sample: Sample) -> dict[str, Any]:
    """A sample as Vertex AI's ReinforcementTuningExample: contents, systemInstruction where there is one, references.

    Columns that are no plain data (images, say) are left out of the references: they cannot enter the sandbox.
    """
    prompt = [Message.model_validate(turn) for turn in sample.prompt_turns]
    instructions = [message.text for message in prompt if message.role == "system"]
    contents = [_content(message) for message in prompt if message.role != "system"]
    example: dict[str, Any] = {"contents": contents, "references": _plain_columns(sample.references)}
    if instructions:
        example["systemInstruction"] = {"parts": [{"text": "\n".join(instructions)}]}
    return example


def _content(message: Message) -> dict[str, Any]:
    return {"role": "model" if message.role == "assistant" else message.role, "parts": [{"text": message.text}]}


def _plain_columns(references: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in references.items():
        try:
            encode(value)
        except NotPlain:
            continue
        kept[name] = value
    return kept
