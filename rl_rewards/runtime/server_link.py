"""The pool's end of its fork server: starts it, and speaks to it over the control socket (see forkserver.py)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

from rl_rewards.runtime.forkserver import EXIT, FORK, KILL, NUMBER, PRELOAD

IN_WORKER = "RL_REWARDS_IN_WORKER"
"""Set in the environment of every worker."""
# What a worker may see of the caller's environment: where things are and which language to speak, no secrets and no ranks.
_ENVIRONMENT = "PATH HOME USER LANG LC_ALL LC_CTYPE TZ TMPDIR LD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX HF_HOME".split()
# One thread a worker: there are as many workers as cores. No GPU. The same hashes in every run: no verdict depends on the order of a set.
_SETTINGS = {"CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "0", IN_WORKER: "1"}
_SETTINGS |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; from rl_rewards.runtime.forkserver import main; main()"
_CLOSE_SECONDS = 10.0


class ServerLink:
    """One fork server at a time, started anew after it died. Belongs to the pool's thread.

    Args:
        memory_mb: what one worker may allocate, in MiB; None for no limit.
    """

    def __init__(self, memory_mb: int | None) -> None:
        self._memory_mb = memory_mb
        self._preloads: list[bytes] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._exits = bytearray()
        self.control: socket.socket | None = None
        """The control socket, readable when a worker or the server is gone; None where no server runs."""

    def start(self) -> socket.socket:
        """Start a server in a fresh interpreter; its control socket.

        Raises:
            OSError: when the system starts no process.
        """
        control, theirs = socket.socketpair()
        paths = [os.path.abspath(path or os.curdir) for path in sys.path]
        settings = {"path": paths, "control": theirs.fileno(), "caller": os.getpid(), "memory_mb": self._memory_mb}
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _SETTINGS
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.control = control
        self._exits.clear()
        for name in self._preloads:
            self._send_preload(name)
        return control

    def fork(self, worker: int, connection: socket.socket) -> None:
        """Have a worker forked that serves `connection`."""
        with contextlib.suppress(ConnectionError):  # a server that is gone is noticed on its socket
            socket.send_fds(self.control, [FORK + NUMBER.pack(worker)], [connection.fileno()])

    def kill(self, worker: int) -> None:
        """Have a worker killed, with its process group."""
        self._send(KILL + NUMBER.pack(worker))

    def preload(self, module: bytes) -> None:
        """Have this server, and those after it, import a module before they fork."""
        if module not in self._preloads:
            self._preloads.append(module)
            self._send_preload(module)

    def exits(self) -> list[tuple[int, str]] | None:
        """Read which workers are gone, and how; None when the server itself is."""
        assert self.control is not None
        try:
            data = self.control.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            return None
        self._exits += data
        whole = len(self._exits) // EXIT.size * EXIT.size
        told = [(worker, how_returned(os.waitstatus_to_exitcode(status))) for _, worker, status in EXIT.iter_unpack(self._exits[:whole])]
        del self._exits[:whole]
        return told

    def close(self) -> str:
        """End the server, and with it its workers; how it ended."""
        assert self.control is not None and self._process is not None
        self.control.close()
        self.control = None
        try:
            return how_returned(self._process.wait(_CLOSE_SECONDS))
        except subprocess.TimeoutExpired:
            self._process.kill()  # its workers go with it: each asked the kernel for that
            return how_returned(self._process.wait())

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
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            return [process.pid, *map(int, children.read().split())]

    def _send_preload(self, name: bytes) -> None:
        self._send(PRELOAD + NUMBER.pack(len(name)) + name)

    def _send(self, message: bytes) -> None:
        if self.control is not None:
            with contextlib.suppress(ConnectionError):
                self.control.sendall(message)


def how_returned(code: int) -> str:
    """Say how a process ended, from its exit code, which is a negative signal number where one killed it."""
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
