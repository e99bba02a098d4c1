"""The fork server: a clean, single-threaded process that forks a pool's workers, kills them, and outlives none of them.

It never runs an item, so it can't be stalled or crashed by one. It is the parent of all workers and adopts their orphans
(PR_SET_CHILD_SUBREAPER): when a worker goes, its whole process group goes, and with it every process that it left behind, `setsid` or not;
no zombie is left to an init that may not reap. When the caller goes, by whatever means, the control socket closes, and all go.

Messages on the control socket, from the pool: `F id` + a file descriptor (fork a worker on that socket), `K id` (kill it),
`P length name` (import a module, so that later workers have it). To the pool: `X id status` (a worker is gone; status as waitpid gives it).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from collections import deque

from rl_rewards.runtime.worker import run_worker

FORK, KILL, PRELOAD, EXITED = b"F", b"K", b"P", b"X"
NUMBER = struct.Struct("!Q")
EXIT = struct.Struct("!cQi")
_PR_SET_CHILD_SUBREAPER = 36
# The control socket tells that the caller is gone, unless a process that the caller forked still holds a copy of it.
_LOOK_FOR_CALLER_EVERY = 2.0  # seconds


class ForkServer:
    """One pool's server. `control` is its end of the control socket, `caller` the process id of the pool's process."""

    def __init__(self, control: socket.socket, caller: int, memory_mb: int | None) -> None:
        self._control = control
        self._caller = caller
        self._memory_mb = memory_mb
        self._pids: dict[int, int] = {}  # worker id -> process id
        self._ids: dict[int, int] = {}
        self._buffer = bytearray()
        self._sockets: deque[int] = deque()

    def serve(self) -> None:
        """Serve until the caller is gone, then take every process along."""
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        self._inherited = (wake_read, wake_write, selector)
        try:
            while os.getppid() == self._caller:
                for key, _ in selector.select(_LOOK_FOR_CALLER_EVERY):
                    if key.fileobj is wake_read:
                        wake_read.recv(4096)
                    elif not self._receive():
                        return
                self._reap()
        except ConnectionError:
            pass
        finally:
            self._kill_all()

    def _receive(self) -> bool:
        data, sockets, _, _ = socket.recv_fds(self._control, 4096, 16)
        self._buffer += data
        self._sockets.extend(sockets)
        while (message := self._next_message()) is not None:
            operation, argument = message
            if operation == PRELOAD:
                _preload(argument)
            else:
                (worker,) = NUMBER.unpack(argument)
                self._fork(worker) if operation == FORK else self._kill(worker)
        return bool(data)

    def _next_message(self) -> tuple[bytes, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 1 + NUMBER.size:
            return None
        operation, argument = bytes(buffer[:1]), bytes(buffer[1 : 1 + NUMBER.size])
        end = 1 + NUMBER.size
        if operation == PRELOAD:
            start, end = end, end + NUMBER.unpack(argument)[0]
            if len(buffer) < end:
                return None
            argument = bytes(buffer[start:end])
        del buffer[:end]
        return operation, argument

    def _fork(self, worker: int) -> None:
        connection = self._sockets.popleft()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(connection, server)
        os.close(connection)
        try:
            os.setpgid(pid, pid)  # also done by the worker: whoever is first, the group exists before a kill can be asked for
        except (PermissionError, ProcessLookupError):
            pass
        self._pids[worker], self._ids[pid] = pid, worker

    def _become_worker(self, connection: int, server: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            for inherited in self._inherited:
                inherited.close()
            run_worker(socket.socket(fileno=connection), server, self._memory_mb)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(os.EX_SOFTWARE)  # a worker never returns into the server's loop

    def _kill(self, worker: int) -> None:
        if (pid := self._pids.get(worker)) is not None:
            _kill_group(pid)

    def _reap(self) -> None:
        while (pid := _dead_child()) is not None:
            worker = self._ids.pop(pid, None)
            if worker is not None:
                _kill_group(pid)  # before the process is reaped: until then its group id is not another's
            _, status = os.waitpid(pid, 0)
            self._kill_orphans()
            if worker is not None:
                del self._pids[worker]
                self._control.sendall(EXIT.pack(EXITED, worker, status))

    def _kill_orphans(self) -> None:
        """Kill every child that is not a worker: only a worker's abandoned descendants can be one."""
        for pid in _children():
            if pid not in self._ids:
                _kill_group(pid)
                _kill(pid)

    def _kill_all(self) -> None:
        for pid in self._ids:
            _kill_group(pid)
        self._ids.clear()
        # Each round kills the children of the processes that the round before has reaped.
        while True:
            self._kill_orphans()
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def _dead_child() -> int | None:
    """A child that is dead and not yet reaped."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as children:
            return [int(pid) for pid in children.read().split()]
    except OSError:
        return []  # not Linux, or a kernel without CONFIG_PROC_CHILDREN: groups are killed, setsid orphans are not found


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _preload(name: bytes) -> None:
    try:
        importlib.import_module(name.decode())
    except Exception:
        return  # a worker that needs it meets the same error, and there it is reported
    gc.collect()
    gc.freeze()  # the garbage collector of a forked worker leaves these pages shared


def main() -> None:
    """Run by the pool in a fresh interpreter, with its settings as JSON in the first argument."""
    settings = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's: when it ends, we end
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    ForkServer(socket.socket(fileno=settings["control"]), settings["caller"], settings["memory_mb"]).serve()
