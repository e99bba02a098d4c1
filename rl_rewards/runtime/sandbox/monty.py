"""The engine `monty`: Pydantic's Python interpreter in Rust, which has no files, no network and no processes to offer (extra `code`).

A fresh interpreter per case costs a tenth of a millisecond. It runs a part of Python: what it lacks is outcome `unsupported`, named,
never a wrong answer. Its limit of time is Monty's own, wall time: on a machine that has no processor for it, a right program may be a timeout.
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import keyword
import math
import re
import threading
import time
from collections.abc import Sequence
from typing import Any

from rl_rewards.runtime.sandbox.cell import plain
from rl_rewards.runtime.sandbox.engine import MAX_CONTAINERS, Asserts, Call, Case, Engine, Execution, Limits, Script, after_timeout, default_workers
from rl_rewards.runtime.sandbox.monty_lacks import unsupported
from rl_rewards.runtime.sandbox.monty_prelude import CALL, COUNTED, COUNTING, INPUT, NOTHING, PRELUDE, RUN, SERVE, STAND_IN
from rl_rewards.types import Outcome

RECURSION_DEPTH = 1000
# Tests that Monty would read, and run nothing of.
_NOT_FOR_MONTY = re.compile(r"^\s*(?:from|import)\s+(?:solution|unittest|pytest)\b|^\s*(?:async\s+)?def\s+test|^\s*class\b|\basync\b|__name__", re.M)
_DEFINED = re.compile(r"^(?:async\s+)?(def|class)\s+(\w+)", re.M)


class MontyEngine(Engine):
    """Runs programs in Monty's worker processes.

    Args:
        workers: how many programs run at once; by default twice the processors, sixteen at most.

    Raises:
        ImportError: when pydantic-monty is not installed.
        ValueError: for fewer than one worker.
    """

    name = "monty"

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        if importlib.util.find_spec("pydantic_monty") is None:
            raise ImportError("the engine 'monty' needs pydantic-monty: pip install 'rl_rewards[code]'")
        super().__init__(workers or default_workers())
        self._lock = threading.Lock()
        self._pool: Any = None

    def run(self, program: str, cases: Sequence[Case], limits: Limits, prelude: str = "") -> list[Execution]:
        """See Engine.run."""
        executions: list[Execution] = []
        for case in cases:
            started = time.monotonic()
            execution = self._one(program, case, limits, prelude)
            executions.append(_timed(execution, started))
            if execution.outcome is Outcome.TIMEOUT:
                break
        return after_timeout(executions, cases)

    run_trusted = run  # every case has an interpreter to itself anyway

    def _one(self, program: str, case: Case, limits: Limits, prelude: str) -> Execution:
        if any("\ud800" <= letter <= "\udfff" for letter in program):
            return Execution(Outcome.CRASHED, error="source code is not valid UTF-8")
        if isinstance(case, Script) and (case.files or case.arguments):
            return Execution(Outcome.UNSUPPORTED, error="files and arguments of a script")
        session = _Session(self._started(), limits, prelude)
        if isinstance(case, Script):
            return session.script(program, case.stdin)
        if "__name__" in program:  # which is always "__main__" here: a guarded main would run
            return Execution(Outcome.UNSUPPORTED, error="a __name__ other than '__main__'")
        return session.call(program, case) if isinstance(case, Call) else session.tests(program, case)

    def _started(self) -> Any:
        with self._lock:
            if self._pool is None:
                import pydantic_monty

                # Two for each: a program and its tests hold one each at the same time.
                self._pool = pydantic_monty.Monty(max_processes=2 * self.workers).__enter__()
            return self._pool

    def _end(self) -> None:
        super()._end()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)


class _Session:
    """One case: fresh interpreters from the pool, under the limits."""

    def __init__(self, pool: Any, limits: Limits, prelude: str) -> None:
        import pydantic_monty

        self._monty, self._pool, self._limits, self._prelude = pydantic_monty, pool, limits, prelude

    def script(self, program: str, stdin: str) -> Execution:
        output = self._collector()
        try:
            with self._checkout() as session:
                self._load(session, program, stdin, output)
        except self._monty.MontyError as error:
            return self._failed(error, program, output.output)
        return Execution(Outcome.SCORED, output.output)

    def call(self, program: str, case: Call) -> Execution:
        output = self._collector()
        method = re.search(rf"^(?:async\s+)?def\s+{re.escape(case.function)}\b|^{re.escape(case.function)}\s*=", program, re.M) is None
        target = f"Solution().{case.function}" if method and re.search(r"^class\s+Solution\b", program, re.M) else case.function
        try:
            with self._checkout() as session:
                self._load(session, program, "", output)
                inputs = {"__arguments": list(case.arguments), "__limit": self._limits.output_bytes}
                value = session.feed_run(CALL.format(target=target), inputs=inputs, print_callback=output)
        except self._monty.MontyError as error:
            return self._failed(error, program, output.output)
        return _with_value(value, output.output)

    def _load(self, session: Any, program: str, stdin: str, output: Any) -> None:
        session.feed_run(PRELUDE + INPUT, inputs={"__stdin": stdin})
        if self._prelude:
            session.feed_run(self._prelude + NOTHING, print_callback=self._collector())
        session.feed_run(RUN, inputs={"__program": program}, print_callback=output)

    def tests(self, program: str, case: Asserts) -> Execution:
        """The program in one interpreter, the tests in another; what passes between them is JSON."""
        source = case.source
        if case.names or case.classes:
            return Execution(Outcome.UNSUPPORTED, error="tests with names of the prelude or classes")
        if lacks := _NOT_FOR_MONTY.search(source):
            return Execution(Outcome.UNSUPPORTED, error=f"tests with {lacks[0]!r}")
        wanted = [
            (kind, name)
            for kind, name in _DEFINED.findall(program)
            if re.search(rf"\b{name}\b", source) and not name.startswith("__") and not hasattr(builtins, name)
            if name.isidentifier() and not keyword.iskeyword(name)
        ]
        if classes := [name for kind, name in wanted if kind == "class"]:
            return Execution(Outcome.UNSUPPORTED, error=f"tests that use the program's class {classes[0]!r}")
        ended: list[Exception] = []
        asked = 0
        try:
            with self._checkout() as serving, self._checkout() as testing:
                try:
                    self._load(serving, program, "", self._collector())
                except self._monty.MontyError as error:
                    return self._failed(error, program, "")

                def ask(name: str, arguments: list[Any], keywords: dict[str, Any]) -> str:
                    nonlocal asked
                    asked += 1
                    inputs = {"__arguments": arguments, "__keywords": keywords, "__limit": self._limits.output_bytes}
                    try:
                        return serving.feed_run(SERVE.format(target=name), inputs=inputs, print_callback=self._collector())
                    except self._monty.MontyError as error:
                        ended.append(error)
                        raised = error.exception()
                        # Those two would end the tests' own loops, `for got in map(f, inputs)`, without a word.
                        raise RuntimeError(str(raised)) if isinstance(raised, (StopIteration, StopAsyncIteration)) else raised from None

                testing.feed_run(PRELUDE + COUNTING)
                if self._prelude:
                    testing.feed_run(self._prelude + NOTHING, print_callback=self._collector())
                stand_ins = "".join(STAND_IN.format(name=name) for _, name in wanted)
                testing.feed_run(stand_ins + source + NOTHING, external_lookup={"__ask": ask}, print_callback=self._collector())
                checks = testing.feed_run(COUNTED)
        except self._monty.MontySyntaxError as error:
            return Execution(Outcome.ERROR, error=f"the tests do not compile: {error}")
        except self._monty.MontyError as error:
            for cause in (*ended, error):
                failed = self._failed(cause, program + source, "")
                if failed.outcome is not Outcome.CRASHED:
                    return failed
            return Execution(Outcome.SCORED, value=False, error=_line(error))
        if case.counted and not checks:
            if not asked:
                return Execution(Outcome.ERROR, error="no test ran: no check was reached, and the program was never used")
            return Execution(Outcome.SCORED, value=False, error="the tests ended before they checked anything")
        return Execution(Outcome.SCORED, value=True)

    def _checkout(self) -> Any:
        limits = self._limits
        return self._pool.checkout(
            limits={
                "max_feed_duration_secs": limits.seconds, "max_total_sleep_secs": limits.seconds,
                "max_memory": limits.memory_mb << 20, "max_recursion_depth": RECURSION_DEPTH, "max_suspensions": 100_000,
            },
            os_policy={"sleep": "system", "sleep_system_max": math.inf},
            assert_message_annotations=False,
        )  # fmt: skip

    def _collector(self) -> Any:
        return self._monty.CollectString(self._limits.output_bytes)

    def _failed(self, error: Any, program: str, stdout: str) -> Execution:
        line = _line(error)
        if isinstance(error, self._monty.MontyCrashedError):
            return Execution(Outcome.TIMEOUT if error.timed_out else Outcome.CRASHED, stdout, error=line)
        if isinstance(error, self._monty.MontyConversionError):
            return Execution(Outcome.UNSUPPORTED, stdout, error=line)
        if line.startswith("MemoryError") and f" > {self._limits.output_bytes} bytes" in line:
            return Execution(Outcome.CRASHED, stdout, error="too much output")
        if lacks := unsupported(line):
            return Execution(Outcome.UNSUPPORTED, stdout, error=lacks)
        late = line.startswith("TimeoutError") and ("limit exceeded" in line or "sleep" in line)
        return Execution(Outcome.TIMEOUT if late else Outcome.CRASHED, stdout, error="ran out of time" if late else line)


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:500]


def _with_value(value: Any, stdout: str) -> Execution:
    if not isinstance(value, str) or value.count("[") + value.count("{") > MAX_CONTAINERS:  # JSON of many small parts is large in memory
        return Execution(Outcome.CRASHED, stdout, error="too much output")
    try:
        return Execution(Outcome.SCORED, stdout, plain.check(json.loads(value)))
    except (TypeError, ValueError, RecursionError):
        return Execution(Outcome.CRASHED, stdout, error="returned no plain data")


def _timed(execution: Execution, started: float) -> Execution:
    seconds = round(time.monotonic() - started, 6)
    return Execution(execution.outcome, execution.stdout, execution.value, execution.error, seconds)
