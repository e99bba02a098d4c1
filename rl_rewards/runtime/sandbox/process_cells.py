"""The caller's ends of a zygote and of its cells."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import weakref
from collections.abc import Iterator
from functools import cache
from typing import Any

from rl_rewards.runtime.sandbox import scratches
from rl_rewards.runtime.sandbox.cell import frames, scratch
from rl_rewards.runtime.sandbox.cell.deadline import MOST_TIMES
from rl_rewards.runtime.sandbox.cell.loop import BEGAN, ERROR, TIMEOUT
from rl_rewards.runtime.sandbox.cell.zygote import FOR_PROGRAMS, TRUSTED
from rl_rewards.runtime.sandbox.engine import LIBRARIES

MAX_THREADS = 128  # of one program at a time
GRACE_SECONDS = 30.0  # what a cell may take beyond its cases' last deadlines before it is given up
START_SECONDS = 120.0  # importing pandas and sympy from a slow disk
_HERE = os.path.dirname(os.path.abspath(__file__))
_BOOT = "import sys; sys.path.insert(0, {directory!r}); from cell import zygote; del sys.path[0]; zygote.main()"
_MENTIONED = re.compile(rf"\b({'|'.join(LIBRARIES)})\b")


class CellLost(ConnectionError):
    """A cell ended or fell silent.

    Attributes:
        began: whether it had begun to run a program, so that the loss is the program's doing.
    """

    began = False


class Zygote:
    """The caller's end of a zygote."""

    def __init__(self, libraries: tuple[str, ...], without: tuple[str, ...], workers: int) -> None:
        scratches.sweep()
        self.scratch, lock = scratches.make()
        self._control, theirs = socket.socketpair()
        options = {
            "control": theirs.fileno(), "lock": lock, "caller": os.getpid(), "libraries": libraries, "paths": _library_paths(),
            "scratch": self.scratch, "without": without, "threads": threads_each(workers),
        }  # fmt: skip
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT.format(directory=_HERE), json.dumps(options)],
                pass_fds=[theirs.fileno(), lock],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            self._control.close()
            scratch.remove(self.scratch)
            raise
        finally:
            theirs.close()
            os.close(lock)
        self._finalizer = weakref.finalize(self, _end, self._control, self._process, self.scratch, os.getpid())

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def spawn(self, role: str = "programs") -> Cell:
        """A new cell, its walls up: for `programs`, or `trusted` with what tests need."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [TRUSTED if role == "trusted" else FOR_PROGRAMS], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise CellLost(f"the zygote is gone: {error}") from None
        return Cell(ours, self)

    def ends(self, seconds: float) -> bool:
        """Whether it ends within `seconds`, or has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def answers(self) -> bool:
        """Whether it can still make a cell; a process that was just killed may look alive for a while."""
        try:
            self.spawn().close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._finalizer()


def _end(control: socket.socket, process: subprocess.Popen, directory: str, owner: int) -> None:
    control.close()
    if os.getpid() != owner:
        return  # a fork of the owner, which only lets go of its copy
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    scratch.remove(directory)


class Cell:
    """The caller's end of a cell."""

    def __init__(self, control: socket.socket, zygote: Zygote) -> None:
        self._control = control
        self.zygote = zygote
        self._began = False
        try:
            self.lacking: list[str] = sorted({*frames.read_rest(control.fileno(), self._fill(bytearray(), 4, START_SECONDS))["lacking"]})
        except BaseException:
            control.close()
            raise

    def send(self, job: dict[str, Any], channel: socket.socket | None = None, clocks: int | None = None) -> None:
        """Have it run a job; one with a channel to another cell comes with the file of their `clocks` (cell/deadline.py).

        Raises:
            CellLost: when it is gone.
        """
        self._began = False
        # A text of n bytes takes up to 6 n in a frame; a case has two, stdout and its value, besides its error of 500 characters.
        self._largest = 12 * job["output_bytes"] + 12 * frames.MODERATE + 65536 * len(job["cases"])
        try:
            frames.write(self._control.fileno(), job)
            if channel is not None and clocks is not None:
                socket.send_fds(self._control, [b"c"], [channel.fileno(), clocks])
        except OSError as error:
            raise CellLost(str(error)) from None

    def results(self, number: int, seconds: float) -> Iterator[list[Any]]:
        """How each of the `number` cases of its job ended, up to the first that ran out of its `seconds`: see cell/loop.py.

        Raises:
            CellLost: when it ends, says nothing for too long, or has no process to run a case in.
        """
        while number:
            for one in self._next_results(MOST_TIMES * seconds * number + GRACE_SECONDS):
                if one[0] == ERROR:
                    raise CellLost(one[3])
                yield one
                number = 0 if one[0] == TIMEOUT else number - 1

    def _next_results(self, seconds: float) -> list[list[Any]]:
        head = bytearray()
        try:  # the first frame of a job comes after a word on whether it began; read in one call, so that no thread wakes up for that alone
            self._fill(head, 4 if self._began else 5, seconds)
            ended = frames.read_rest(self._control.fileno(), head[-4:], self._largest)
        except (OSError, ValueError) as error:
            lost = CellLost(str(error))
            # Where the zygote is gone as well, which no program can reach, something else has ended the whole sandbox.
            lost.began = (self._began or head[:1] == BEGAN) and self.zygote.answers()
            raise lost from None
        self._began = True
        return ended

    def _fill(self, head: bytearray, size: int, seconds: float) -> bytearray:
        """Read into `head` until it has `size` bytes."""
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(seconds) + 1, 0))
        while len(head) < size:
            try:
                part = self._control.recv(size - len(head), socket.MSG_WAITALL)
            except BlockingIOError:
                raise CellLost(f"no word from it in {seconds:.0f} s") from None
            if not part:
                raise CellLost("it ended")
            head += part
        return head

    def close(self) -> None:
        """Hang up: the cell kills what it runs and ends."""
        self._control.close()


def threads_each(workers: int) -> int:
    """How many threads each of so many programs may have at a time: all together, half of the processes that this user or container may."""
    allowed = [resource.getrlimit(resource.RLIMIT_NPROC)[0]]
    for path in ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"):
        with contextlib.suppress(OSError, ValueError), open(path) as file:  # "max" where there is no limit
            allowed.append(int(file.read()))
    limits = [limit for limit in allowed if limit != resource.RLIM_INFINITY]
    return max(8, min([MAX_THREADS, *(limit // 2 // workers for limit in limits)]))


def _environment() -> dict[str, str]:
    """All that a program sees of the environment. A fixed hash seed: the same program prints the same set in the same order."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Arrow, which pandas keeps text in, would set aside more memory than a program may have.
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "ARROW_DEFAULT_MEMORY_POOL": "system", **one_thread}


def libraries_of(text: str) -> tuple[str, ...]:
    """The libraries that a program mentions and this machine has: what its zygote has loaded."""
    return tuple(sorted(set(_MENTIONED.findall(text)) & _library_specs().keys()))


def _library_paths() -> list[str]:
    return sorted({os.path.dirname(os.path.dirname(origin)) for origin in _library_specs().values()})


@cache
def _library_specs() -> dict[str, str]:
    """Where the libraries that programs may use are installed: name -> file."""
    specs = {name: importlib.util.find_spec(name) for name in LIBRARIES}
    return {name: spec.origin for name, spec in specs.items() if spec is not None and spec.origin is not None}
