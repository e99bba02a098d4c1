"""What scorers have in common that call a function of the user's own Python text, in a sandbox."""

from __future__ import annotations

import ast
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field

from rl_rewards.configured import configured
from rl_rewards.runtime.sandbox import Call, Engine, EngineName, Limits, engine
from rl_rewards.runtime.sandbox.cell.plain import NotPlain, encode
from rl_rewards.scorers.base import RowScorer, Traits
from rl_rewards.scorers.timing import timed
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["SnippetScorer", "plain_columns"]


@configured
class SnippetScorer(RowScorer):
    """Calls a function of two parameters that a Python text of the user's defines, each time in a fresh interpreter.

    The text is the user's, so whatever goes wrong in it is ours: `error`, `timeout`, `crashed` or `unsupported`, never a zero. A bool is
    taken as 1 or 0; None, text, NaN and infinities are errors.

    Raises:
        ValueError: when the text does not compile or does not define the function; for a limit that is not positive.
        ImportError: for the engine `monty` without pydantic-monty.
    """

    function: ClassVar[str]
    """Name of the function."""
    parameters: ClassVar[tuple[str, str]]
    """What it is called with, for messages."""

    wrong: float = field(default=0.0, kw_only=True)
    """Score of a response without an answer, where a parser found none."""
    timeout: Annotated[float, Field(gt=0)] = field(default=10.0, kw_only=True)
    """Seconds of wall time for a call; in `process`, those in which the machine has no processor for it do not count, up to three times as many."""
    memory_mb: Annotated[int, Field(gt=0)] = field(default=1024, kw_only=True)
    """Memory of a call, in MiB."""
    engines: tuple[EngineName, ...] = field(default=("process",), kw_only=True)
    """Where it runs: `process` (CPython, Linux's walls), `monty` (a part of Python, quicker), or both in the order of trying."""
    workers: Annotated[int, Field(gt=0)] | None = field(default=None, kw_only=True)
    """How many calls run at once; twice the processors, sixteen at most, by default."""
    require_isolation: bool = field(default=False, kw_only=True)
    """Refuse to run where the kernel lacks one of the walls of `process`."""

    @property
    @abstractmethod
    def program(self) -> str:
        """The Python text."""

    @abstractmethod
    def arguments(self, answer: Any, sample: Sample) -> list[Any]:
        """What the function is called with for one sample: plain data."""

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.program)
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"the snippet does not compile: {_place(error)}") from None
        signature = f"`def {self.function}({', '.join(self.parameters)})`"
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == self.function]
        if not functions:
            defined = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
            raise ValueError(f"the snippet must define {signature}; it defines {defined}")
        found = functions[-1].args
        required = len(found.posonlyargs + found.args) - len(found.defaults)
        if required > 2 or (len(found.posonlyargs + found.args) < 2 and found.vararg is None) or None in found.kw_defaults:
            raise ValueError(f"`{self.function}` takes two arguments, {' and '.join(self.parameters)}; this one has {ast.unparse(found) or 'none'}")
        _ = self._engine  # made now, so that a wrong or missing one is refused now; it starts nothing yet

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=self.hands_over_thinking)

    hands_over_thinking: ClassVar[bool] = False
    """Whether a reward without a parser hands the function the thinking, too."""

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
        return self._engine.submit(lambda pair: timed(self.score_row, *pair), list(zip(samples, answers, strict=True)))

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        [execution] = self._engine.run_trusted(self.program, [Call(self.function, self.arguments(answer, sample))], self._limits)
        if not execution.ran:
            return EvaluateResult.failure(execution.outcome, f"{self.function}: {execution.error}")
        return self._result(execution.value)

    def _result(self, value: Any) -> EvaluateResult:
        if isinstance(value, (bool, int, float)) and math.isfinite(value):
            return EvaluateResult(float(value))
        return EvaluateResult.failure(Outcome.ERROR, f"{self.function} must return a finite number, got {value!r:.80}")


def _place(error: SyntaxError | ValueError) -> str:
    """A syntax error with its line and the line's text."""
    if isinstance(error, SyntaxError) and error.text:
        return f"{error.msg} (line {error.lineno}): {error.text.strip()!r:.80}"
    return str(error)


def plain_columns(references: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that can enter the sandbox: plain data, no images and the like."""
    kept = {}
    for name, value in references.items():
        try:
            encode(value)
        except NotPlain:
            continue
        kept[name] = value
    return kept
