"""Several engines as one: a program goes to the first that can run it."""

from __future__ import annotations

from collections.abc import Sequence

from rl_rewards.runtime.sandbox.engine import Asserts, Call, Case, Engine, Execution, Limits, Script
from rl_rewards.types import Outcome

# What an engine with a part of Python may owe to the missing part; the last engine's word on these is final.
INCONCLUSIVE = (Outcome.UNSUPPORTED, Outcome.CRASHED)


class EngineChain(Engine):
    """Runs a program in the first engine; what that does not support, what ends in an exception there and asserts that fail there in the next one."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        super().__init__(engines[0].workers)
        self.engines = tuple(engines)
        self.name = ", ".join(engine.name for engine in engines)

    def run(self, program: str, cases: Sequence[Case], limits: Limits, prelude: str = "") -> list[Execution]:
        """See Engine.run."""
        return self._run("run", program, cases, limits, prelude=prelude)

    def run_trusted(self, program: str, cases: Sequence[Script] | Sequence[Call], limits: Limits) -> list[Execution]:
        """See Engine.run_trusted."""
        return self._run("run_trusted", program, cases, limits)

    def _run(self, how: str, program: str, cases: Sequence[Case], limits: Limits, **options: str) -> list[Execution]:
        executions = getattr(self.engines[0], how)(program, cases, limits, **options)
        for engine in self.engines[1:]:
            again = [index for index, (case, execution) in enumerate(zip(cases, executions, strict=True)) if not _is_final(case, execution)]
            if again:
                rerun = getattr(engine, how)(program, [cases[index] for index in again], limits, **options)
                for index, execution in zip(again, rerun, strict=True):
                    executions[index] = execution
        return executions


def _is_final(case: Case, execution: Execution) -> bool:
    """Whether another engine could not say otherwise. Where asserts fail, the program may have raised, or met a set in another order."""
    failed = isinstance(case, Asserts) and execution.outcome is Outcome.SCORED and execution.value is not True
    return execution.outcome not in INCONCLUSIVE and not failed
