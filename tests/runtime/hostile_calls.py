"""What the tests run in workers: one call that does as it is told."""

from __future__ import annotations

import ctypes
import os
import pathlib
import pickle
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import Any

from rl_rewards.runtime.workers.frames import Kind, frame
from rl_rewards.scorers.base import AnswerScorer, Scorer, Traits, configured
from rl_rewards.types import EvaluateResult, MetricResult, Outcome

FOREVER = 10_000


def obey(item: tuple[str, Any]) -> Any:
    """Do what the item says; only deadlines, limits and kills end some of it."""
    order, value = item
    return _ORDERS[order](value)


class _OwnError(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def _compute(processor: int, seconds: float) -> str:
    """Take that many seconds of that processor's time, however long it is in getting them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    os.sched_setaffinity(0, before)
    return "done"


def _raise(value: Any) -> None:
    raise _OwnError(1, 2) if value == "own" else ValueError(value)


def _hold_the_gil(_: Any) -> int:
    return 9**9**9


def _orphan(then_die: bool) -> int:
    """A grandchild in a session of its own, which a kill of the worker's process group does not reach."""
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '10000'], start_new_session=True, stdout=2).pid)"
    pid = int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout)
    if then_die:
        os._exit(1)
    return pid


def _child_then_sleep(path: str) -> None:
    child = subprocess.Popen(["sleep", str(FOREVER)])
    pathlib.Path(path).write_text(str(child.pid))
    time.sleep(FOREVER)


def _fork(child: str) -> float:
    """A child that comes back into the worker's code, with an answer or an exception, while its parent answers 1.0."""
    forked = ctypes.CDLL(None).fork() if child == "of the C library" else os.fork()
    if forked:
        os.waitpid(forked, 0)
        return 1.0
    if child == "raises":
        raise RuntimeError("the child")
    if child == "exits":
        sys.exit("the child")
    return 100.0


def _sockets() -> list[int]:
    return [number for number in range(3, 64) if os.path.exists(f"/proc/self/fd/{number}") and stat.S_ISSOCK(os.fstat(number).st_mode)]


def _write(data: bytes) -> None:
    """Bytes on every socket of the worker, in place of an answer."""
    for descriptor in _sockets():
        os.write(descriptor, data)
    time.sleep(FOREVER)


def _flood(data: bytes) -> None:
    while True:
        for descriptor in _sockets():
            os.write(descriptor, data)


def _steal(_: None) -> None:
    """A thread that stays behind and reads what the worker is sent."""

    def read(descriptor: int) -> None:
        while socket.socket(fileno=os.dup(descriptor)).recv(1 << 16):
            pass

    for descriptor in _sockets():
        threading.Thread(target=read, args=(descriptor,), daemon=True).start()


def _forge(item: int) -> None:
    """An answer for another item, by the worker's own process, right but for the nonce."""
    _write(frame(Kind.VALUE, os.getpid(), item, 0, pickle.dumps(999.0)))


def hold_once(path: str) -> str:
    """Write this process's id to a file and wait to be killed; "again" when the file is there already."""
    if os.path.exists(path):
        return "again"
    pathlib.Path(f"{path}.part").write_text(str(os.getpid()))
    os.rename(f"{path}.part", path)
    time.sleep(FOREVER)
    return "woken"


def _signal_server(number: int) -> None:
    os.kill(os.getppid(), number)
    time.sleep(FOREVER)


_ORDERS = {
    "fork a child that": _fork,
    "write": _write,
    "flood": _flood,
    "forge": _forge,
    "steal": _steal,
    "replace pickle.dumps": lambda _: setattr(pickle, "dumps", None),
    "hold once": hold_once,
    "large result": lambda mebibytes: b"x" * (mebibytes << 20),
    "send the server": _signal_server,
    "let the server open no files": lambda _: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (4, 4)) and None,
    "send itself": lambda number: os.kill(os.getpid(), number),
    "echo": lambda value: value,
    "pid": lambda _: os.getpid(),
    "environment": lambda _: dict(os.environ),
    "threads": lambda _: threading.active_count(),
    "modules": lambda _: sorted(sys.modules),
    "raise": _raise,
    "exit": sys.exit,
    "die": os._exit,
    "segfault": lambda _: ctypes.string_at(0),
    "interrupt": lambda _: signal.raise_signal(signal.SIGTERM),
    "sleep": lambda _: time.sleep(FOREVER),
    "compute on one processor": lambda value: _compute(*value),
    "hold the GIL": _hold_the_gil,
    "close all files": lambda _: (os.closerange(3, 256), time.sleep(FOREVER)),
    "allocate": lambda mebibytes: len(bytearray(mebibytes << 20)),
    "object": lambda _: pathlib.Path("."),
    "orphan": _orphan,
    "child": _child_then_sleep,
}


@configured
class Obedient(Scorer):
    """Scores 1.0 for "fine", and does anything else that it is told."""

    @property
    def traits(self) -> Traits:
        return Traits(per_sample=True)

    def score(self, samples: Any, answers: Any) -> list[EvaluateResult]:
        return [self._score_one(answer) for answer in answers]

    def _score_one(self, answer: Any) -> EvaluateResult:
        if answer == "fine":
            return EvaluateResult(1.0, "fine", {"length": MetricResult(4.0), "plain": 2})
        if answer is None:
            return EvaluateResult(0.0, "no answer in the response", outcome=Outcome.UNPARSED)
        obey(answer)
        return EvaluateResult(0.5)


@configured
class BatchMean(Scorer):
    """A scorer that needs its whole batch."""

    def score(self, samples: Any, answers: Any) -> list[EvaluateResult]:
        if "stuck" in answers:
            time.sleep(FOREVER)
        mean = sum(answers) / len(answers)
        return [EvaluateResult(answer - mean) for answer in answers]


class NumpyLike:
    """What numpy and torch scalars have in common."""

    def __init__(self, value: float) -> None:
        self._value = value

    def item(self) -> float:
        return self._value


@configured
class NumpyScorer(AnswerScorer):
    """Scores with a scalar of another library."""

    def score_answer(self, answer: Any, target: None, sample: Any) -> EvaluateResult:
        return EvaluateResult(NumpyLike(0.25), metrics={"raw": NumpyLike(0.5)})  # type: ignore[arg-type, dict-item]
