"""What every engine is: it runs a program's cases somewhere they can do no harm, and says how each ended."""

from __future__ import annotations

import ast
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from rl_rewards.types import Outcome

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_CONTAINERS = 2_000_000  # lists, dicts and their like in one value that the caller takes from a program
LIBRARIES = ("numpy", "pandas", "sympy")
"""Libraries that programs may use besides the standard one, where they are installed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one case may use.

    Args:
        seconds: wall time. In the engine `process`, a case that has had less processor time than that goes on after it while it computes, up
            to four times as long: it waited for a processor, and a machine that is too busy is nobody's fault. The threads of a program count
            together; so do a program and its tests, of which neither is late while the other computes. One that sleeps ends after 1.25 times
            as long, a program and tests that both wait after twice as long at most. In `monty`, which counts by itself, it is wall time alone.
        memory_mb: memory, in MiB, on top of the interpreter's own.
        output_bytes: size of stdout, of a returned value, and of any file, in bytes.

    Raises:
        ValueError: for a limit that is not positive.
    """

    seconds: float = 5.0
    memory_mb: int = 512
    output_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Script:
    """Run the program as a script that reads `stdin`; what counts is what it prints."""

    stdin: str = ""
    arguments: Sequence[str] = ()
    """`sys.argv[1:]`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Text of files to put into the directory that it runs in, by name."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function that the program defines (or a method of its class Solution); what counts is the plain data it returns."""

    function: str
    arguments: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Asserts:
    """Run trusted tests, Python text with asserts or test functions, against the program; what counts is whether they pass."""

    source: str
    uses: frozenset[str] = frozenset()
    """Names that the tests take from the program, where that is known."""
    names: frozenset[str] = frozenset()
    """Names that mean the program's here though Python or the prelude has them, too."""
    classes: str = ""
    """Source of the tests' own classes whose objects may be handed to the program; it is made in the program's process first."""
    program_classes: frozenset[str] = frozenset()
    """Names that the tests use as those of classes of the program's."""
    counted: bool = False
    """Whether the source counts its checks (suites.py): then tests that end without one do not pass."""


Case = Script | Call | Asserts


@dataclass(frozen=True, slots=True)
class Execution:
    """How one case ended.

    Attributes:
        outcome: `scored` when it ran to its end; `timeout` and `crashed` (also by an exception) are the program's doing; `unsupported`
            means that this engine lacks something the program uses; `error` that the engine failed.
        stdout: what it printed, up to the limit; for Script.
        value: for Call, what it returned, as a tree of plain data (cell/plain.py), to be trusted as little as the program; for Asserts,
            whether they passed.
        error: one line on what went wrong, or None.
        seconds: wall time.
    """

    outcome: Outcome
    stdout: str = ""
    value: Any = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def ran(self) -> bool:
        return self.outcome is Outcome.SCORED


class Engine(ABC):
    """Runs programs. Safe to call from any thread; starts nothing until it is first used."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._threads: ThreadPoolExecutor | None = None
        self._starting = threading.Lock()
        self._owner = os.getpid()

    name: str

    @abstractmethod
    def run(self, program: str, cases: Sequence[Case], limits: Limits, prelude: str = "") -> list[Execution]:
        """How the cases ended, in order, each with a fresh interpreter; what follows a timeout is not run, and timed out too. Blocks.

        `prelude` is the user's Python text, which runs before the program and, for Asserts, before the tests.
        """

    @abstractmethod
    def run_trusted(self, program: str, cases: Sequence[Script] | Sequence[Call], limits: Limits) -> list[Execution]:
        """As `run`, for the user's own code, where no program of a model's can read what it is given."""

    def submit(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Future[list[Result]]:
        """`work` on every item, in order, on this engine's threads, of which there are as many as workers.

        The future fails with the first exception that `work` raises, once all are done.
        """
        with self._starting:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix=type(self).__name__)
            futures = [self._threads.submit(work, item) for item in items]
        return _gathered(futures)

    def close(self) -> None:
        """End its processes; a later call starts new ones. In a fork of the process that made it, leave them alone."""
        if os.getpid() == self._owner:
            self._end()

    def _end(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def _gathered(futures: Sequence[Future[Result]]) -> Future[list[Result]]:
    together: Future[list[Result]] = Future()
    waiting = [len(futures)]
    lock = threading.Lock()

    def one_is_done(_: object) -> None:
        with lock:
            waiting[0] -= 1
            last = waiting[0] == 0
        if last:
            try:
                together.set_result([future.result() for future in futures])
            except BaseException as error:
                together.set_exception(error)

    if not futures:
        together.set_result([])
    for future in futures:
        future.add_done_callback(one_is_done)
    return together


def after_timeout(executions: list[Execution], cases: Sequence[Case]) -> list[Execution]:
    """The executions of a run that ended early, filled up to one for each case."""
    missing = len(cases) - len(executions)
    return executions + [Execution(Outcome.TIMEOUT, error="not run: an earlier case ran out of time")] * missing


@cache
def defined_classes(source: str) -> frozenset[str]:
    """The names of the classes at the top of a trusted Python text."""
    return frozenset(node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef))


def default_workers() -> int:
    """How many programs run at once unless the user says: twice the processors of this process, sixteen at most (ranks share a machine).

    Twice, because a program, its cell and the caller take turns: one program by itself leaves a processor idle half of the time.
    """
    return min(16, 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1))
