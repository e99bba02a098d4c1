"""Checkers: programs of the data set's that judge an output where several are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.runtime.sandbox import Engine, Execution, Limits, Script
from rl_rewards.scorers.code.cases import Check
from rl_rewards.types import Outcome

INPUT, CORRECT, SOLUTION = "input.txt", "correct_output.txt", "solution_output.txt"
_RIGHT, _WRONG = frozenset({"1", "1.0", "true", "yes", "ok", "ac", "accepted", "correct"}), frozenset({"", "0", "0.0", "false", "no", "wa", "wrong"})


class CheckerError(ValueError):
    """A checker that cannot be run, or that checks nothing."""


@dataclass
class Checkers:
    """Runs checkers, `checker.py input.txt correct_output.txt solution_output.txt`, which print 1 for a right output and 0 for a wrong one.

    A checker is tried before its word is taken: it must accept the correct output, where the row has one, and refuse an empty one.
    """

    engine: Engine
    limits: Limits
    _tried: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def passed(self, checker: str, tests: Sequence[Check], executions: Sequence[Execution]) -> list[tuple[bool, str]]:
        """Whether each output is right, and why not.

        Raises:
            CheckerError: for a checker that fails on what is known to be right, or accepts nothing as an output.
        """
        self._try(checker, tests[0])
        ran = [at for at, execution in enumerate(executions) if execution.ran]
        judged = self.engine.run_trusted(checker, [_case(tests[at], executions[at].stdout) for at in ran], self.limits) if ran else []
        verdicts = dict(zip(ran, judged, strict=True))
        return [_verdict(verdicts[at]) if at in verdicts else (False, execution.error or "failed") for at, execution in enumerate(executions)]

    def _try(self, checker: str, test: Check) -> None:
        """Raise the CheckerError of a checker that is no good; found out once for each test."""
        key = checker, repr(test)
        if key not in self._tried:
            if len(self._tried) > 1024:
                self._tried.clear()
            self._tried[key] = self._fault(checker, test)
        if fault := self._tried[key]:
            raise CheckerError(fault)

    def _fault(self, checker: str, test: Check) -> str | None:
        known = [] if test.expected is None else [str(test.expected)]
        ended = self.engine.run_trusted(checker, [_case(test, output) for output in [*known, ""]], self.limits)
        for execution in ended:
            if execution.outcome in (Outcome.ERROR, Outcome.UNSUPPORTED):
                return f"the checker cannot be run: {execution.error}"
        if known and not _verdict(ended[0])[0]:
            return f"the checker refuses the data set's own output: {_verdict(ended[0])[1]}"
        if _verdict(ended[-1])[0] and (not known or known[0].strip()):
            return "no test ran: the checker accepts an empty output, so it checks nothing"
        return None


def _case(test: Check, output: str) -> Script:
    files = {INPUT: test.case.stdin, CORRECT: str(test.expected or ""), SOLUTION: output}  # type: ignore[union-attr]
    return Script(arguments=(INPUT, CORRECT, SOLUTION), files=files)


def _verdict(execution: Execution) -> tuple[bool, str]:
    if not execution.ran:
        return False, f"the checker says: {execution.error}"
    words: list[Any] = execution.stdout.split()
    last = words[-1].lower() if words else ""
    if last in _RIGHT:
        return True, ""
    return False, "the checker says that it is wrong" if last in _WRONG else f"the checker says: {execution.stdout.strip()[:80]!r}"
