"""A cell: a forked zygote inside its walls, which runs one job at a time, each of its cases in a child of its own.

The cell never looks into a program: it forks, waits for the child or the deadline, kills what is left, and reads what the kernel says.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Collection
from typing import Any

from . import child, frames, kernel, walls

SCORED, TIMEOUT, CRASHED = "scored", "timeout", "crashed"


def live(control: socket.socket, scratch: str, without: Collection[str], lacking: list[str]) -> None:
    """Raise the walls, say which are lacking, and run jobs until the caller hangs up. The caller sends the frames of process.py."""
    cell = _Cell(control, scratch, without, lacking)
    frames.write(control.fileno(), {"lacking": cell.lacking})
    with contextlib.suppress(frames.Closed):
        while True:
            frames.write(control.fileno(), cell.run(frames.read(control.fileno())))


class _Cell:
    def __init__(self, control: socket.socket, scratch: str, without: Collection[str], lacking: list[str]) -> None:
        self._control = control
        with open("/proc/self/statm") as file:
            self._base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        self._orphans = _orphans()
        self._filter, self.lacking, self._directory = walls.raise_walls(scratch, without, lacking)
        os.environ.update(HOME=self._directory, TMPDIR=self._directory)
        os.chdir(self._directory)
        self._bell = _bell()
        child.limit_all()
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page of the cell
        gc.disable()

    def run(self, job: dict[str, Any]) -> list[list[Any]]:
        """[outcome, stdout, value, error, seconds] of each case.

        What follows a case that ran out of time is not run: one deadline is what a program can cost.
        """
        job["base_bytes"] = self._base_bytes
        channel = socket.recv_fds(self._control, 1, 1)[1][0] if job["channel"] else None
        ended: list[list[Any]] = []
        for case in job["cases"]:
            ended.append(self._run_case(job, case, channel))
            if ended[-1][0] == TIMEOUT:
                break
        if channel is not None:
            os.close(channel)
        return ended

    def _run_case(self, job: dict[str, Any], case: dict[str, Any], channel: int | None) -> list[Any]:
        stdin, stdout, stderr, value = files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "value")]
        try:
            if case.get("stdin"):
                os.write(stdin, case["stdin"].encode("utf-8", "surrogateescape"))
                os.lseek(stdin, 0, os.SEEK_SET)
            started = time.monotonic()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._control.close()
                child.live(job, case, (stdin, stdout, stderr, value if channel is None else channel), self._filter)
            status, late = self._wait(pid, started + job["seconds"])
            seconds = time.monotonic() - started
            self._kill_the_rest()
            _empty(self._directory)
            outcome, error = _judge(status, late, _read(stderr, 4096, from_end=True))
            return [outcome, _read(stdout, job["output_bytes"]), _read(value, job["output_bytes"]), error, round(seconds, 6)]
        finally:
            for descriptor in files:
                os.close(descriptor)

    def _wait(self, pid: int, deadline: float) -> tuple[int, bool]:
        """Wait for the child, the deadline (the child is killed) or the caller's end (the cell ends): the status, and whether late."""
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status, False
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if any(descriptor == self._bell for descriptor, _ in ready):
                os.read(self._bell, 4096)
                continue
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            if ready:
                raise frames.Closed("the caller hung up")
            return status, True

    def _kill_the_rest(self) -> None:
        """Kill what a child left behind, in whatever session: as init, everything in this namespace; else, every child that fell to us."""
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        while self._orphans is not None:
            left = [int(number) for number in os.pread(self._orphans, 1 << 16, 0).split()]
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(number, 0)
            if not left:
                break
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0 if os.getpid() == 1 else os.WNOHANG)[0]:
                pass


def _orphans() -> int | None:
    """A file that lists this process's children, opened while it still can be; None for the init of a namespace, which needs none."""
    if os.getpid() == 1:
        return None
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    try:
        return os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _bell() -> int:
    """A descriptor that becomes readable when a child of this process ends. Not a pidfd: those need Linux 5.3."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _judge(status: int, late: bool, stderr: str) -> tuple[str, str | None]:
    if late:
        return TIMEOUT, "ran out of time"
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return SCORED, None
    last = stderr.rstrip().rpartition("\n")[2][:500]
    if code > 0:
        return CRASHED, last or f"ended with exit status {code}"
    if -code == signal.SIGXCPU:
        return TIMEOUT, "ran out of processor time"
    with contextlib.suppress(ValueError):  # real-time signals have no names
        return CRASHED, f"killed by {signal.Signals(-code).name}"
    return CRASHED, f"killed by signal {-code}"


def _read(descriptor: int, limit: int, from_end: bool = False) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, limit, max(0, size - limit) if from_end else 0).decode("utf-8", "replace")


def _empty(directory: str) -> None:
    """Remove all that is in `directory`. Trees of any depth: what is in a directory moves up before the directory goes."""
    serial = 0
    while entries := list(os.scandir(directory)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):
                serial += 1
                os.rename(inner.path, os.path.join(directory, f".{serial}"))
            os.rmdir(entry.path)
