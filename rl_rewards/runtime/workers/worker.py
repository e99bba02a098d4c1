"""The worker: a process that runs the items of one chunk after the other, and sends each result as soon as it is there.

It is forked by the fork server, so it starts with the imports that the server has made and nothing else: no environment variable of the
caller, no CUDA context, no thread, no event loop. It need not survive anything: the pool replaces it.
"""

from __future__ import annotations

import ctypes
import io
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pickle import HIGHEST_PROTOCOL, dumps, loads  # by name: an item that replaces `pickle.dumps` must not damage the results of others
from typing import Any

from rl_rewards.failures import described_with_place
from rl_rewards.runtime.workers.frames import LARGEST_ANSWER, Kind, frame, read_chunk
from rl_rewards.runtime.workers.serialization import deserialize_call

_PR_SET_PDEATHSIG = 1
_KEPT_CALLS = 64
_VALUE, _OUT_OF_MEMORY = Kind.VALUE, Kind.OUT_OF_MEMORY  # looked up for every item
# A worker that once held this share of its limit retires after its chunk: no item is to be blamed for what earlier ones left behind.
_RETIRE_AT = 0.5


def run_worker(connection: socket.socket, number: int, server_pid: int, memory_mb: int | None) -> None:
    """Serve chunks until the connection closes. Runs in a freshly forked process; never returns to the server's code."""
    os.setpgid(0, 0)
    signal_on_parents_death(signal.SIGKILL)
    if os.getppid() != server_pid:
        os._exit(0)
    _limit(memory_mb)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a scorer prints must not die with a killed worker
    try:
        _serve(_Answers(connection, number), memory_mb)
    except ConnectionError:
        pass  # the caller is gone
    os._exit(0)


def signal_on_parents_death(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent dies, on Linux.

    PR_SET_PDEATHSIG fires when the *thread* that forked dies. The server has one thread, which is why it forks and the caller does not.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number))


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


class _Answers:
    """The worker's end of its connection. Only the worker itself uses it: a process that an item forks can neither read nor write here."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self._connection = connection
        self._process = os.getpid()
        self._nonce = 0
        os.register_at_fork(after_in_child=connection.close)
        self.send(Kind.READY, number)

    def next_chunk(self) -> tuple[bytes, Sequence[int], list[bytes]] | None:
        """The next chunk's call, indices and items; None when the caller has closed the connection."""
        received = read_chunk(self._connection)
        if received is None:
            return None
        payload, self._nonce = received
        return loads(payload)

    def send(self, kind: Kind, item: int, payload: bytes = b"") -> None:
        process = self._process
        if os.getpid() != process:
            os._exit(0)  # a child that an item forked and did not end: it came back into this loop, and must not run the items that follow
        self._connection.sendall(frame(kind, process, item, self._nonce, payload))


def _serve(answers: _Answers, memory_mb: int | None) -> None:
    calls: dict[bytes, Callable[[Any], Any]] = {}
    while (chunk := answers.next_chunk()) is not None:
        call, indices, items = chunk
        function = calls.get(call)
        if function is None:
            answers.send(Kind.LOADING, indices[0])
            try:
                function = deserialize_call(call)
            except BaseException as error:
                answers.send(Kind.UNLOADABLE, indices[0], _text(error))
                continue
            if len(calls) >= _KEPT_CALLS:
                calls.clear()
            calls[call] = function
        answers.send(Kind.STARTED, indices[0])
        last = indices[-1]
        for index, item in zip(indices, items, strict=True):
            kind, payload = _run(function, item)
            retires = kind is _OUT_OF_MEMORY
            if index == last and memory_mb is not None and not retires and _peak_mb() > memory_mb * _RETIRE_AT:
                answers.send(Kind.RETIRING, index)
                retires = True
            answers.send(kind, index, payload)
            if retires:
                return


def _run(function: Callable[[Any], Any], item: bytes) -> tuple[Kind, bytes]:
    """What answers one item: kind and payload."""
    try:
        value = dumps(function(loads(item)), HIGHEST_PROTOCOL)
    except MemoryError:
        return _OUT_OF_MEMORY, b""
    except BaseException as error:  # SystemExit too: a scorer that exits has raised
        return Kind.RAISED, _text(error)
    if len(value) > LARGEST_ANSWER:
        return Kind.RAISED, b"a result must be at most %d MiB, got %d MiB" % (LARGEST_ANSWER >> 20, len(value) >> 20)
    return _VALUE, value


def _text(error: BaseException) -> bytes:
    """The exception, and where in the user's code it was raised."""
    return described_with_place(error)[:4000].encode(errors="replace")


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
