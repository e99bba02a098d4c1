"""The fork server: a clean, single-threaded process that forks a pool's workers, kills them, and outlives none of them.

It never runs an item, so it can't be stalled or crashed by one. It is the parent of all workers and adopts their orphans
(PR_SET_CHILD_SUBREAPER): when a worker goes, its whole process group goes, and with it every process that it left behind, `setsid` or not;
no zombie is left to an init that may not reap. A worker that is stopped (SIGSTOP) is killed, for it would never answer. When the caller
goes, by whatever means, the control socket closes, and all go.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections import deque

from rl_rewards.runtime.workers.server_messages import ALIVE, EXITED, FORK, KILL, NOT_FORKED, NUMBER, PING, PRELOAD, REPORT, STOPPED
from rl_rewards.runtime.workers.worker import run_worker, signal_on_parents_death

_PR_SET_CHILD_SUBREAPER = 36
# The closed control socket says that the caller is gone, unless a process that the caller forked still holds a copy of it.
_CHECK_CALLER_EVERY = 2.0  # seconds


class ForkServer:
    """One pool's server. `control` is its end of the control socket, `caller` the process id of the pool's process."""

    def __init__(self, control: socket.socket, caller: int, memory_mb: int | None) -> None:
        self._control = control
        self._caller = caller
        self._memory_mb = memory_mb
        self._numbers: dict[int, int] = {}  # process id -> number of the worker
        self._processes: dict[int, int] = {}
        self._stopped: dict[int, int] = {}  # process id -> the signal that stopped it
        self._buffer = bytearray()
        self._sockets: deque[int] = deque()

    def serve(self) -> None:
        """Serve until the caller is gone, then kill every process."""
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)  # also sent when a child is stopped
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        self._inherited = (wake_read, wake_write, selector)
        try:
            while os.getppid() == self._caller:
                for key, _ in selector.select(_CHECK_CALLER_EVERY):
                    if key.fileobj is wake_read:
                        wake_read.recv(4096)
                    elif not self._receive():
                        return
                self._kill_stopped()
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
            elif operation == PING:
                self._report(ALIVE, 0, 0)
            elif operation == FORK:
                self._fork(*NUMBER.unpack(argument))
            elif operation == KILL:
                self._kill(*NUMBER.unpack(argument))
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

    def _report(self, what: bytes, number: int, status: int) -> None:
        self._control.sendall(REPORT.pack(what, number, status))

    def _fork(self, number: int) -> None:
        if not self._sockets:  # the kernel drops descriptors that this process has no room for
            self._report(NOT_FORKED, number, errno.EMFILE)
            return
        connection, server = self._sockets.popleft(), os.getpid()
        try:
            process = os.fork()
        except OSError as error:
            os.close(connection)
            self._report(NOT_FORKED, number, error.errno or 0)
            return
        if process == 0:
            self._become_worker(connection, number, server)
        os.close(connection)
        try:
            os.setpgid(process, process)  # also done by the worker: whoever is first, the group exists before a kill can be asked for
        except (PermissionError, ProcessLookupError):
            pass
        self._processes[number], self._numbers[process] = process, number

    def _become_worker(self, connection: int, number: int, server: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            for inherited in self._inherited:
                inherited.close()
            run_worker(socket.socket(fileno=connection), number, server, self._memory_mb)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(os.EX_SOFTWARE)  # a worker never returns into the server's loop

    def _kill(self, number: int) -> None:
        if (process := self._processes.get(number)) is not None:
            _kill_group(process)

    def _kill_stopped(self) -> None:
        while (found := _changed_child(os.WSTOPPED)) is not None:
            process, number = found
            if process in self._numbers:
                self._stopped[process] = number
                _kill_group(process)

    def _reap(self) -> None:
        while (found := _changed_child(os.WEXITED | os.WNOWAIT)) is not None:
            process, _ = found
            number = self._numbers.pop(process, None)
            if number is not None:
                _kill_group(process)  # before the process is reaped: until then its group id is not another's
            _, status = os.waitpid(process, 0)
            self._kill_orphans()
            if number is None:
                continue
            del self._processes[number]
            stopped_by = self._stopped.pop(process, None)
            if stopped_by is None:
                self._report(EXITED, number, status)
            else:
                self._report(STOPPED, number, stopped_by)

    def _kill_orphans(self) -> None:
        """Kill every child that is not a worker: only a worker's abandoned descendants can be one."""
        for process in _children():
            if process not in self._numbers:
                _kill_group(process)
                _kill(process)

    def _kill_all(self) -> None:
        for process in self._numbers:
            _kill_group(process)
        self._numbers.clear()
        # Each round kills the children of the processes that the round before has reaped.
        while True:
            self._kill_orphans()
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def _changed_child(change: int) -> tuple[int, int] | None:
    """Process id and status of a child that has stopped (WSTOPPED) or exited (WEXITED | WNOWAIT: it stays to be reaped)."""
    try:
        found = os.waitid(os.P_ALL, 0, change | os.WNOHANG)
    except ChildProcessError:
        return None
    return None if found is None else (found.si_pid, found.si_status)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as children:
            return [int(process) for process in children.read().split()]
    except OSError:
        return []  # not Linux, or a kernel without CONFIG_PROC_CHILDREN: groups are killed, setsid orphans are not found


def _kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
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
    signal_on_parents_death(signal.SIGCONT)  # not killed, but woken if it is stopped: it has its workers and their orphans to kill
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    ForkServer(socket.socket(fileno=settings["control"]), settings["caller"], settings["memory_mb"]).serve()
