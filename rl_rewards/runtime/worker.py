"""The worker: a process that runs the items of one chunk after the other, and tells of each as soon as it is done.

It is forked by the fork server, so it starts with the imports that the server has made and nothing else: no environment variable of the
caller, no CUDA context, no thread, no event loop. It need not survive anything: the pool replaces it.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from rl_rewards.runtime.frames import Kind, frame, read_frame
from rl_rewards.runtime.portable import load

_PR_SET_PDEATHSIG = 1
_KEPT_CALLS = 64
# A worker that once held this share of its limit retires after its chunk: no item is to be blamed for what earlier ones left behind.
_RETIRE_AT = 0.5


def run_worker(connection: socket.socket, server_pid: int, memory_mb: int | None) -> None:
    """Serve chunks until the connection closes. Runs in a freshly forked process; never returns to the server's code."""
    os.setpgid(0, 0)
    _die_with(server_pid)
    _limit(memory_mb)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)  # what a scorer prints must not die with a killed worker
    try:
        _serve(connection, memory_mb)
    except ConnectionError:
        pass  # the caller is gone
    os._exit(0)


def _die_with(server_pid: int) -> None:
    """Have the kernel kill this process when the server dies.

    PR_SET_PDEATHSIG fires when the *thread* that forked dies. The server has one thread, which is why it forks and the caller does not.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != server_pid:
        os._exit(0)


def _limit(memory_mb: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb is not None:
        # RLIMIT_DATA, not RLIMIT_AS: libraries reserve gigabytes of address space that they never touch (torch, OpenBLAS).
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))
    if sys.platform == "linux":
        try:
            with open("/proc/self/oom_score_adj", "w") as score:
                score.write("1000")  # when the machine runs out of memory, a worker goes before the trainer
        except OSError:
            pass  # a sandbox without a writable /proc; the order of sacrifice is the kernel's then


def _serve(connection: socket.socket, memory_mb: int | None) -> None:
    calls: dict[bytes, Callable[[Any], Any]] = {}
    while (received := read_frame(connection)) is not None:
        call, items = pickle.loads(received[1])
        try:
            function = calls.get(call) or load(call)
        except BaseException as error:
            connection.sendall(frame(Kind.UNLOADABLE, _text(error)))
            continue
        if len(calls) >= _KEPT_CALLS:
            calls.clear()
        calls[call] = function
        connection.sendall(frame(Kind.STARTED))
        for left, item in zip(range(len(items) - 1, -1, -1), items, strict=True):
            answer = _run(function, item)
            if answer is None:
                connection.sendall(frame(Kind.OUT_OF_MEMORY))
                return
            if left == 0 and memory_mb is not None and _peak_mb() > memory_mb * _RETIRE_AT:
                connection.sendall(frame(Kind.RETIRING) + answer)
                return
            connection.sendall(answer)


def _run(function: Callable[[Any], Any], item: bytes) -> bytes | None:
    """The frame that answers one item, or None when it ran out of memory."""
    try:
        return frame(Kind.VALUE, pickle.dumps(function(pickle.loads(item)), pickle.HIGHEST_PROTOCOL))
    except MemoryError:
        return None
    except BaseException as error:  # SystemExit too: a scorer that exits has raised
        return frame(Kind.RAISED, _text(error))


def _text(error: BaseException) -> bytes:
    """The exception and where it was raised, in the words of a traceback's last lines."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error!s:.2000}{where}".encode(errors="replace")


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
