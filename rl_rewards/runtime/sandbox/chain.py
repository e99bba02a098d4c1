"""Several engines as one: a program goes to the first that can run it."""

from __future__ import annotations

from collections.abc import Sequence

from rl_rewards.runtime.sandbox.engine import Call, Case, Engine, Execution, Limits, Script
from rl_rewards.types import Outcome

# What an engine with a part of Python may owe to the missing part; the last engine's word on these is final.
INCONCLUSIVE = (Outcome.UNSUPPORTED, Outcome.CRASHED)


class EngineChain(Engine):
    """Runs a program in the first engine; what that does not support, or what ends in an exception there, in the next one."""

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
            again = [index for index, execution in enumerate(executions) if execution.outcome in INCONCLUSIVE]
            if again:
                rerun = getattr(engine, how)(program, [cases[index] for index in again], limits, **options)
                for index, execution in zip(again, rerun, strict=True):
                    executions[index] = execution
        return executions
