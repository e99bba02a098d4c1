"""The pool's end of its fork server: starts it, and writes to it and reads from it on the control socket (see server_messages.py)."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from rl_rewards.runtime.workers.leftovers import kill_processes_with
from rl_rewards.runtime.workers.server_messages import ALIVE, EXITED, FORK, KILL, NOT_FORKED, NUMBER, PING, PRELOAD, REPORT, STOPPED

IN_WORKER = "RL_REWARDS_IN_WORKER"
"""Set in the environment of every worker, to a value that each server has for itself."""
# What a worker may see of the caller's environment: where things are and which language to speak, no secrets and no ranks.
_ENVIRONMENT = "PATH HOME USER LANG LC_ALL LC_CTYPE TZ TMPDIR LD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX HF_HOME".split()
# One thread a worker: there are as many workers as cores. No GPU. The same hashes in every run: no verdict depends on the order of a set.
_SETTINGS = {"CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "0"}
_SETTINGS |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; from rl_rewards.runtime.workers.forkserver import main; main()"
_CLOSE_SECONDS = 10.0  # for a server to end by itself
# A server answers in milliseconds, unless it imports a module.
_SILENT_SECONDS = 15.0
_IMPORT_SECONDS = 120.0


class WorkerExit(NamedTuple):
    """A worker is gone.

    Attributes:
        worker: its number.
        how: "died of SIGKILL", "exited with status 1", "was stopped by SIGSTOP", "could not be forked: ...".
        forked: whether it ever ran.
    """

    worker: int
    how: str
    forked: bool


class ServerLink:
    """One fork server at a time, started anew after it died. Belongs to the pool's thread.

    Args:
        memory_mb: what one worker may allocate, in MiB; None for no limit.
    """

    def __init__(self, memory_mb: int | None) -> None:
        self._memory_mb = memory_mb
        self._preloads: list[bytes] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = ""  # the value of IN_WORKER in the environment of the server's descendants
        self._reports = bytearray()
        self._asked: float | None = None  # when it was sent the first PING that it has not answered
        self._silence_allowed = _SILENT_SECONDS
        self._full = False
        self.control: socket.socket | None = None
        """The control socket, readable when a worker or the server is gone; None where no server runs."""

    def start(self) -> socket.socket:
        """Start a server in a fresh interpreter; its control socket.

        Raises:
            OSError: when the system starts no process.
        """
        control, theirs = socket.socketpair()
        control.setblocking(False)
        paths = [os.path.abspath(path or os.curdir) for path in sys.path]
        settings = {"path": paths, "control": theirs.fileno(), "caller": os.getpid(), "memory_mb": self._memory_mb}
        self._mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _SETTINGS | {IN_WORKER: self._mark}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.control = control
        self._reports.clear()
        self._asked, self._full = None, False
        for name in self._preloads:
            self._send_preload(name)
        return control

    def fork(self, worker: int, connection: socket.socket) -> None:
        """Have a worker forked that serves `connection`."""
        assert self.control is not None
        try:
            socket.send_fds(self.control, [FORK + NUMBER.pack(worker)], [connection.fileno()])
        except BlockingIOError:
            self._full = True
        except ConnectionError:
            pass  # a server that is gone is noticed on its socket

    def kill(self, worker: int) -> None:
        """Have a worker killed, with its process group."""
        self._send(KILL + NUMBER.pack(worker))

    def preload(self, module: bytes) -> None:
        """Have this server, and those after it, import a module before they fork."""
        if module not in self._preloads:
            self._preloads.append(module)
            self._send_preload(module)

    def read(self) -> list[WorkerExit] | None:
        """Which workers are gone, and how; None when the server itself is."""
        assert self.control is not None
        try:
            data = self.control.recv(4096)
        except BlockingIOError:
            return []
        except ConnectionError:
            data = b""
        if not data:
            return None
        self._asked, self._silence_allowed = None, _SILENT_SECONDS
        self._reports += data
        whole = len(self._reports) // REPORT.size * REPORT.size
        reports = list(REPORT.iter_unpack(self._reports[:whole]))
        del self._reports[:whole]
        return [WorkerExit(worker, _how(what, status), what != NOT_FORKED) for what, worker, status in reports if what != ALIVE]

    def check(self) -> str | None:
        """Ask the server for a sign of life; what is wrong with it, where something is.

        A stopped server is recognised at once; one that is silent for another reason after 15 s, or 120 s where it imports a module.
        """
        assert self._process is not None
        if _is_stopped(self._process.pid):
            return "was stopped"
        if self._full:
            return "does not read what it is sent"
        if self._is_silent():
            return f"did not answer for {self._silence_allowed:g} s"
        if self._asked is None:
            self._asked = time.monotonic()
        self._send(PING + NUMBER.pack(0))
        return None

    def close(self) -> str:
        """End the server, and with it its workers and all that they started; how it ended. One that has been silent too long is killed."""
        assert self.control is not None and self._process is not None
        self.control.close()
        self.control = None
        self._process.send_signal(signal.SIGKILL if self._is_silent() else signal.SIGCONT)  # it may be stopped, and has its workers to kill
        try:
            code = self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code != 0:
            # It was killed, or failed. Its workers die with it (each asked the kernel for that), the processes that they started do not.
            kill_processes_with(IN_WORKER, self._mark)
        return how_returned(code)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's server."""
        if self._process is not None:
            self._process.returncode = 0  # not our child: no warning, no waiting
        if self.control is not None:
            self.control.close()

    def processes(self) -> list[int]:
        """Process ids of the server and of its children."""
        process = self._process
        if process is None or process.poll() is not None:
            return []
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
                return [process.pid, *map(int, children.read().split())]
        except FileNotFoundError:
            return []

    def _is_silent(self) -> bool:
        return self._asked is not None and time.monotonic() - self._asked > self._silence_allowed

    def _send_preload(self, name: bytes) -> None:
        self._silence_allowed = _IMPORT_SECONDS
        self._send(PRELOAD + NUMBER.pack(len(name)) + name)

    def _send(self, message: bytes) -> None:
        if self.control is not None:
            try:
                self._full |= self.control.send(message) < len(message)
            except BlockingIOError:
                self._full = True
            except ConnectionError:
                pass


def how_returned(code: int) -> str:
    """Say how a process ended, from its exit code, which is a negative signal number where one killed it."""
    return f"died of {_signal_name(-code)}" if code < 0 else f"exited with status {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _how(what: bytes, status: int) -> str:
    if what == EXITED:
        return how_returned(os.waitstatus_to_exitcode(status))
    if what == STOPPED:
        return f"was stopped by {_signal_name(status)}"
    return f"could not be forked: {os.strerror(status)}"


def _is_stopped(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False
