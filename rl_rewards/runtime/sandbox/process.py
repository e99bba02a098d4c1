"""The engine `process`: real CPython, each case in a forked child behind the walls of cell/walls.py.

    caller ── socket ──> zygote ── fork ──> cell ── fork per case ──> child
    (threads)            (clean, warm)      (walls up)                (limits, seccomp, the program)

One zygote per set of libraries, one cell per program that runs at the same time. Cells that run programs never see tests or
references: those go to cells of their own (role `trusted`), and the two talk over a socket in plain data only.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from rl_rewards.runtime.sandbox.cell import plain
from rl_rewards.runtime.sandbox.cell.deadline import CLOCKS_BYTES
from rl_rewards.runtime.sandbox.cell.walls import WALLS
from rl_rewards.runtime.sandbox.engine import (
    MAX_CONTAINERS,
    Asserts,
    Call,
    Case,
    Engine,
    Execution,
    Limits,
    Script,
    after_timeout,
    default_workers,
    defined_classes,
)
from rl_rewards.runtime.sandbox.process_cells import Cell, CellLost, Zygote, libraries_of
from rl_rewards.types import Outcome

log = logging.getLogger("rl_rewards.sandbox")
TRIES = 3
BATCH_CHARACTERS = 8 << 20  # of stdin in one job: a cell keeps the inputs of its job in memory
_TOO_MUCH = "File too large"  # what the kernel says of a write beyond output_bytes
_reported: set[frozenset[str]] = set()


class IsolationError(RuntimeError):
    """This machine lacks walls, and `require_isolation` asks for all of them."""


class ProcessEngine(Engine):
    """Runs programs in forked children of a warm zygote.

    Args:
        workers: how many programs run at once; by default twice the processors, sixteen at most.
        require_isolation: refuse to run where a wall is lacking.
        without: walls to leave out, to find out what one is worth.

    Raises:
        ValueError: for an unknown wall, or fewer than one worker.
        OSError: on a system other than Linux.
    """

    name = "process"

    def __init__(self, workers: int | None = None, require_isolation: bool = False, without: Collection[str] = ()) -> None:
        if sys.platform != "linux":
            raise OSError(f"the engine 'process' needs Linux, this is {sys.platform}; the engine 'monty' runs anywhere")
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        if unknown := set(without) - set(WALLS):
            raise ValueError(f"unknown walls {sorted(unknown)}; there are {list(WALLS)}")
        super().__init__(workers or default_workers())
        self.require_isolation = require_isolation
        self.without = tuple(without)
        self._slots = threading.BoundedSemaphore(self.workers)
        self._lock = threading.Lock()
        self._zygotes: dict[tuple[str, ...], Zygote] = {}
        self._idle: dict[tuple[tuple[str, ...], str], list[Cell]] = defaultdict(list)

    def run(self, program: str, cases: Sequence[Case], limits: Limits, prelude: str = "") -> list[Execution]:
        """See Engine.run.

        Raises:
            IsolationError: when a wall is lacking and all are required.
        """
        with self._slots:
            executions: list[Execution] = []
            for batch in _batches(cases):
                if isinstance(batch[0], Asserts):
                    executions.append(self._run_asserts(program, batch[0], limits, prelude))
                else:
                    executions += self._run_cases("programs", program, batch, limits, prelude)
                if executions[-1].outcome is Outcome.TIMEOUT:
                    break
            return after_timeout(executions, cases)

    def run_trusted(self, program: str, cases: Sequence[Script] | Sequence[Call], limits: Limits) -> list[Execution]:
        """As `run`, for the user's own code: in cells that no model's program ever shares memory with."""
        with self._slots:
            return after_timeout(self._run_cases("trusted", program, cases, limits), cases)

    def lacking(self) -> list[str]:
        """The walls that this machine lacks, or that were left out; empty when all stand. Starts a cell to find out."""
        with self._cell((), "programs") as cell:
            return cell.lacking

    def _run_cases(self, role: str, program: str, cases: Sequence[Case], limits: Limits, prelude: str = "") -> list[Execution]:
        """How the cases ended, up to the first that ran out of time. Those that a lost cell had not begun go to another."""
        ended: list[Execution] = []

        def run_the_rest() -> None:
            rest = cases[len(ended) :]
            with self._cell(libraries_of(program + prelude), role) as cell:
                cell.send(_job(program, [_case(case) for case in rest], limits, prelude))
                for one, case in zip(cell.results(len(rest), limits.seconds), rest, strict=False):
                    ended.append(_execution(one, isinstance(case, Call)))

        lost = _until_not_lost(run_the_rest)
        if lost is not None:
            ended += [lost] * (len(cases) - len(ended))
        return ended

    def _run_asserts(self, program: str, tests: Asserts, limits: Limits, prelude: str) -> Execution:
        """The program serves calls in one cell, the tests make them from another."""
        judged: list[Execution] = []
        lost = _until_not_lost(lambda: judged.append(self._run_asserts_once(program, tests, limits, prelude)))
        return lost or judged[0]

    def _run_asserts_once(self, program: str, tests: Asserts, limits: Limits, prelude: str) -> Execution:
        shared = sorted(defined_classes(prelude) | defined_classes(tests.classes))
        case = {"kind": "tests", "shared": shared, "names": sorted(tests.names), "prelude": prelude, "counted": tests.counted}
        case |= {"program_classes": sorted(tests.program_classes), "uses": sorted(tests.uses)}
        ours, theirs = socket.socketpair()
        with (
            ours,
            theirs,
            _clocks() as clocks,
            self._cell(libraries_of(program + prelude), "programs") as serving,
            self._cell(libraries_of(program + tests.source + prelude), "trusted") as asking,
        ):
            serving.send(_job(program, [{"kind": "serve", "shared": shared}], limits, f"{prelude}\n{tests.classes}", channel=True), theirs, clocks)
            theirs.close()
            asking.send(_job(tests.source, [case], limits, channel=True), ours, clocks)
            [verdict] = asking.results(1, limits.seconds)
            ours.close()  # the program's side sees the end of its calls
            [served] = serving.results(1, limits.seconds)
        return _judge_asserts(_execution(verdict, False), _execution(served, False))

    @contextlib.contextmanager
    def _cell(self, libraries: tuple[str, ...], role: str) -> Iterator[Cell]:
        """A cell for the length of a job. One that is lost is closed; so are those that wait, where their zygote is gone."""
        kind = libraries, role
        cell = self._free_cell(kind)
        try:
            yield cell
        except BaseException:
            cell.close()
            if not cell.zygote.alive:
                with self._lock:
                    lost = self._idle.pop(kind, [])
                for each in lost:
                    each.close()
            raise
        with self._lock:
            self._idle[kind].append(cell)

    def _free_cell(self, kind: tuple[tuple[str, ...], str]) -> Cell:
        with self._lock:
            if self._idle[kind]:
                return self._idle[kind].pop()
            libraries = kind[0]
            zygote = self._zygotes.get(libraries)
            if zygote is None or not zygote.alive:
                zygote = self._zygotes[libraries] = Zygote(libraries, self.without, self.workers)
        try:
            cell = zygote.spawn(kind[1])
        except OSError:  # the zygote is ending, or has no process to give; the wait is for both
            if zygote.ends(0.5):
                with self._lock:
                    if self._zygotes.get(libraries) is zygote:
                        del self._zygotes[libraries]
                zygote.close()
            raise
        lacking = cell.lacking
        if lacking and self.require_isolation:
            cell.close()
            raise IsolationError(f"require_isolation is on, and this machine lacks these walls: {', '.join(lacking)}")
        if lacking and frozenset(lacking) not in _reported:
            _reported.add(frozenset(lacking))
            log.warning("Programs run without these walls, which this machine lacks or which were left out: %s", ", ".join(lacking))
        return cell

    def _end(self) -> None:
        super()._end()
        with self._lock:
            for cell in [cell for cells in self._idle.values() for cell in cells]:
                cell.close()
            for zygote in self._zygotes.values():
                zygote.close()
            self._idle.clear()
            self._zygotes.clear()


@contextlib.contextmanager
def _clocks() -> Iterator[int]:
    """The file in which two cells write their clocks; no program ever has it open."""
    file = os.memfd_create("clocks")
    try:
        os.ftruncate(file, CLOCKS_BYTES)
        yield file
    finally:
        os.close(file)


def _until_not_lost(run: Callable[[], None]) -> Execution | None:
    """Run it, and again with another cell where one is lost that had not begun: the machine may have killed it. None, or how it ended."""
    reason = ""
    for _ in range(TRIES):
        try:
            return run()
        except OSError as error:
            if isinstance(error, CellLost) and error.began:
                return Execution(Outcome.CRASHED, error=f"the program ended its sandbox: {error}")
            reason = str(error)
    return Execution(Outcome.ERROR, error=f"the sandbox was lost {TRIES} times: {reason}")


def _job(program: str, cases: list[dict[str, Any]], limits: Limits, prelude: str = "", channel: bool = False) -> dict[str, Any]:
    return {
        "program": program, "prelude": prelude, "cases": cases, "channel": channel,
        "seconds": limits.seconds, "memory_mb": limits.memory_mb, "output_bytes": limits.output_bytes,
    }  # fmt: skip


def _case(case: Case) -> dict[str, Any]:
    if isinstance(case, Script):
        return {"kind": "script", "stdin": case.stdin, "arguments": list(case.arguments), "files": dict(case.files)}
    return {"kind": "call", "function": case.function, "arguments": plain.encode(list(case.arguments))}  # type: ignore[union-attr]


def _batches(cases: Sequence[Case]) -> list[list[Case]]:
    """Runs of cases that one cell can take in one job: each Asserts alone, and no more text than BATCH_CHARACTERS beyond the first."""
    batches: list[list[Case]] = []
    characters = 0
    for case in cases:
        characters += len(case.stdin) if isinstance(case, Script) else 0
        if batches and characters <= BATCH_CHARACTERS and not isinstance(case, Asserts) and not isinstance(batches[-1][0], Asserts):
            batches[-1].append(case)
        else:
            batches.append([case])
            characters = len(case.stdin) if isinstance(case, Script) else 0
    return batches


def _execution(ended: list[Any], with_value: bool) -> Execution:
    outcome, stdout, value, error, seconds = ended
    if outcome == Outcome.CRASHED and error and _TOO_MUCH in error:
        error = "too much output"
    if outcome != Outcome.SCORED or not with_value:
        return Execution(Outcome(outcome), stdout, None, error, seconds)
    if value.count("[") + value.count("{") > MAX_CONTAINERS:  # text of many small parts is large in memory
        return Execution(Outcome.CRASHED, stdout, None, "too much output", seconds)
    try:
        return Execution(Outcome.SCORED, stdout, plain.check(json.loads(value)), None, seconds)
    except (ValueError, RecursionError, plain.NotPlain):
        return Execution(Outcome.CRASHED, stdout, None, "ended before the call returned" if not value else "returned no plain data", seconds)


def _judge_asserts(verdict: Execution, served: Execution) -> Execution:
    """The tests' word counts; where the program ended under them, its own end gives the reason."""
    if not verdict.ran:  # out of time or memory, over what the program sent
        return served if served.outcome is Outcome.TIMEOUT else verdict
    if not verdict.stdout:
        return Execution(Outcome.ERROR, error="the tests ended this interpreter before they gave a verdict")
    word, reason = json.loads(verdict.stdout)
    if word == "broken":
        return Execution(Outcome.ERROR, error=reason)
    if word == "unsupported":
        return Execution(Outcome.UNSUPPORTED, error=reason)
    if word == "hung up":
        return Execution(Outcome.CRASHED if served.ran else served.outcome, error=served.error or "the program ended early", seconds=served.seconds)
    return Execution(Outcome.SCORED, value=word == "passed", error=reason or None, seconds=verdict.seconds)
