"""A program of the policy's, scored by the tests of its row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field

from rl_rewards.parsers.code_block import CodeBlock
from rl_rewards.references import MissingReferenceError, Template, column_template, template
from rl_rewards.runtime.sandbox import Asserts, Call, Engine, EngineName, Execution, Limits, Script, engine
from rl_rewards.scorers.base import ReferenceScorer, Traits, configured
from rl_rewards.scorers.code.cases import Check, Row, checks, entry_point
from rl_rewards.scorers.code.checkers import Checkers
from rl_rewards.scorers.code.comparison import Compare
from rl_rewards.scorers.code.preludes import LEETCODE, as_prelude, needed
from rl_rewards.scorers.code.suites import NotSupportedError
from rl_rewards.scorers.timing import timed
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample


@configured
class PythonTests(ReferenceScorer):
    """Runs the answer, a Python program, against the tests in a column: stdin and stdout, function calls, or asserts.

    Without a parser it takes the last fenced Python block of the response. The program runs in a sandbox, with a fresh interpreter for
    every test, and is given a test's input alone: what it prints or returns is compared outside. A program that ends early, patches
    what compares, or writes to any channel it finds has thereby given an answer, which is right or wrong like any other.

    A program that runs out of time or crashes is the policy's own doing: outcome `timeout` or `crashed`, with a score. Tests that cannot
    be read, and a sandbox that fails, are ours: no score.

    Raises:
        ValueError: for a limit that is not positive, an unknown engine or a wrong template.
        ImportError: for the engine `monty` without pydantic-monty.
    """

    scoring: Literal["all", "fraction"] = field(default="all", kw_only=True)
    """Whether the score needs all tests, or grows with the fraction that pass."""
    function: str | None = field(default=None, kw_only=True)
    """The function to call, or a template such as "{{references.name}}", where the tests are calls, or `check(candidate)`, and do not name it
    themselves. A column `entry_point` is found without it."""
    prelude: str | None = field(default=None, kw_only=True)
    """What runs before the program: `leetcode` (the imports, ListNode and TreeNode that LeetCode's programs take for granted), Python text, or a
    column's template such as "{{references.prompt}}"."""
    checker: str | None = field(default=None, kw_only=True)
    """The column of a program that judges outputs where several are right, run as `checker.py input.txt correct_output.txt solution_output.txt`; it prints
    1 or 0. Rows without one compare outputs."""
    compare: Compare = field(default="lines", kw_only=True)
    """How a script's output is compared: `lines`, `tokens` (line breaks do not count), `float` (as tokens, every number within the tolerance) or
    `exact`."""
    timeout: Annotated[float, Field(gt=0)] = field(default=5.0, kw_only=True)
    """Seconds of wall time for a test; in `process`, those in which the machine has no processor for it do not count, up to three times as many. After the
    first that runs out of them the rest fail without being run."""
    memory_mb: Annotated[int, Field(gt=0)] = field(default=512, kw_only=True)
    """Memory of the program, in MiB."""
    output_kb: Annotated[int, Field(gt=0)] = field(default=16 << 10, kw_only=True)
    """Most that a program may print, return or write to one file, in KiB."""
    tolerance: Annotated[float, Field(ge=0)] = field(default=1e-9, kw_only=True)
    """How far a decimal number may be off, relative or absolute; 0 compares digits."""
    engines: tuple[EngineName, ...] = field(default=("process",), kw_only=True)
    """Where programs run: `process` (CPython, Linux's walls), `monty` (a part of Python, quicker), or both in the order of trying."""
    workers: Annotated[int, Field(gt=0)] | None = field(default=None, kw_only=True)
    """How many programs run at once; twice the processors, sixteen at most, by default."""
    require_isolation: bool = field(default=False, kw_only=True)
    """Refuse to run where the kernel lacks one of the walls of `process`."""
    per_test: bool = field(default=True, kw_only=True)
    """Whether every test is a component, `test_1` and so on, besides `passed`, the fraction of tests that pass."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function is not None:
            template(self.function)
        if self.checker is not None:
            column_template(self.checker)
        if self.prelude is not None and not template(self.prelude).columns:
            as_prelude(self.prelude)
        _ = self._engine  # made now, so that a wrong or missing one is refused now; it starts nothing yet

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @property
    def _engine(self) -> Engine:
        return engine(*self.engines, workers=self.workers, require_isolation=self.require_isolation)

    @cached_property
    def _limits(self) -> Limits:
        return Limits(self.timeout, self.memory_mb, self.output_kb << 10)

    @cached_property
    def _checkers(self) -> Checkers:
        return Checkers(self._engine, self._limits)

    @property
    def traits(self) -> Traits:
        named = [template(text) for text in (self.function, self.prelude) if text is not None]
        named += [column_template(self.checker)] if self.checker is not None else []
        traits = super().traits
        return replace(traits, columns=traits.columns.union(*(each.columns for each in named)))

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start scoring a batch; the future holds what `score` returns."""
        return self._engine.submit(lambda pair: timed(self.score_row, *pair), list(zip(samples, answers, strict=True)))

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        row = self._row(sample)
        checker = self._optional(column_template(self.checker), sample) if self.checker is not None else None
        try:
            tests = checks(target, replace(row, checked=checker is not None))
        except NotSupportedError as error:
            return EvaluateResult.failure(Outcome.UNSUPPORTED, str(error))
        except ValueError as error:
            raise MissingReferenceError(str(error)) from error
        program = _program(answer, sample)
        if program is None:
            return self.unparsed()
        texts = [test.case.source for test in tests if isinstance(test.case, Asserts)]
        prelude = needed(row.prelude, program, *texts) if row.prelude else ""
        if row.prelude not in ("", LEETCODE) and (fault := self._fault_of(row.prelude)):
            return EvaluateResult.failure(Outcome.ERROR, f"the prelude does not run: {fault}")
        executions = self._engine.run(program, [test.case for test in tests], self._limits, prelude)
        for execution in executions:
            if execution.outcome in (Outcome.ERROR, Outcome.UNSUPPORTED):
                return EvaluateResult.failure(execution.outcome, f"{self._engine.name}: {execution.error}")
        if checker is not None and all(isinstance(test.case, Script) for test in tests):
            return self._result(self._checkers.passed(str(checker), tests, executions), executions)
        return self._result([self._verdict(test, execution) for test, execution in zip(tests, executions, strict=True)], executions)

    def check_reference(self, sample: Sample) -> None:
        has_checker = self.checker is not None and self._optional(column_template(self.checker), sample) is not None
        checks(self.target(sample), replace(self._row(sample), checked=has_checker))

    def _row(self, sample: Sample) -> Row:
        """What the options and the row's other columns say of its tests."""
        function = str(template(self.function).value(sample)).strip() if self.function else None
        prelude = ""
        if self.prelude is not None:
            of_row = template(self.prelude)
            prelude = str(self._optional(of_row, sample) or "") if of_row.columns else as_prelude(self.prelude)
        return Row(function, entry_point(sample.references), prelude)

    @staticmethod
    def _optional(column: Template, sample: Sample) -> Any:
        """A column's value, None where this row has none."""
        try:
            return column.value(sample)
        except MissingReferenceError:
            return None

    def _fault_of(self, prelude: str) -> str | None:
        """What is wrong with a prelude, if it does not run by itself: that is not the program's doing."""
        return _fault_of_prelude(self._engine, self._limits, prelude)

    def _verdict(self, test: Check, execution: Execution) -> tuple[bool, str]:
        right = test.passed(execution, self.tolerance, self.compare)
        return right, "" if right else test.complaint(execution)

    def _result(self, verdicts: Sequence[tuple[bool, str]], executions: Sequence[Execution]) -> EvaluateResult:
        passed, complaints = [right for right, _ in verdicts], [complaint for _, complaint in verdicts]
        fraction = sum(passed) / len(passed)
        share = fraction if self.scoring == "fraction" else float(all(passed))
        reason = f"{sum(passed)} of {len(passed)} tests passed"
        metrics = {"passed": MetricResult(fraction, reason)}
        if self.per_test:
            for number, (right, complaint) in enumerate(zip(passed, complaints, strict=True), 1):
                metrics[f"test_{number}"] = MetricResult(float(right), complaint)
        if not all(passed):
            first = passed.index(False)
            reason += f"; test {first + 1}: {complaints[first]}"
        outcomes = {execution.outcome for execution in executions}
        outcome = next((worst for worst in (Outcome.TIMEOUT, Outcome.CRASHED) if worst in outcomes), Outcome.SCORED)
        return EvaluateResult(self.wrong + share * (self.correct - self.wrong), reason, metrics=metrics, outcome=outcome)


@lru_cache(maxsize=1024)
def _fault_of_prelude(engine_: Engine, limits: Limits, prelude: str) -> str | None:
    [execution] = engine_.run_trusted(f"{prelude}\ndef nothing(): pass", [Call("nothing")], limits)
    return None if execution.ran or execution.outcome is Outcome.UNSUPPORTED else execution.error


_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.M)


def _program(answer: Any, sample: Sample) -> str | None:
    """The program: what a parser found, or the last Python block of a response that none has parsed; None when there is none."""
    if not isinstance(answer, str):
        raise TypeError(f"python_tests needs text to run; the parser gave {type(answer).__name__}: {answer!r:.80}")
    program = CodeBlock().parse(answer) if answer == sample.answer_part and _FENCE.search(answer) else answer
    return program and program.removeprefix("\ufeff")  # as Python itself reads a file
