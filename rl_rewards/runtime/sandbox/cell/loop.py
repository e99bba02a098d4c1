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

from . import child, frames, orphans, scratch, walls

SCORED, TIMEOUT, CRASHED, ERROR = "scored", "timeout", "crashed", "error"
BEGAN = "began"


def live(control: socket.socket, directory: str, without: Collection[str], lacking: list[str]) -> None:
    """Raise the walls, say which are lacking, and run jobs until the caller hangs up. The caller sends the frames of process.py."""
    cell = _Cell(control, directory, without, lacking)
    frames.write(control.fileno(), {"lacking": cell.lacking})
    with contextlib.suppress(frames.Closed):
        while True:
            cell.run(frames.read(control.fileno(), frames.LARGEST))


class _Cell:
    def __init__(self, control: socket.socket, directory: str, without: Collection[str], lacking: list[str]) -> None:
        self._control = control
        with open("/proc/self/statm") as file:
            self._base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        self._children = orphans.adopt()
        self._filter, self.lacking, self._directory = walls.raise_walls(directory, without, lacking)
        os.environ.update(HOME=self._directory, TMPDIR=self._directory)
        os.chdir(self._directory)
        self._bell = _bell()
        child.limit_all()
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page of the cell
        gc.disable()

    def run(self, job: dict[str, Any]) -> None:
        """Run a job's cases. The caller gets two frames for each: BEGAN, then [outcome, stdout, value, error, seconds].

        What follows a case that ran out of time is not run: one deadline is what a program can cost. From BEGAN on, whatever happens to
        this cell is the program's doing.
        """
        job["base_bytes"] = self._base_bytes
        channel = socket.recv_fds(self._control, 1, 1)[1][0] if job["channel"] else None
        for case in job["cases"]:
            ended = self._run_case(job, case, channel)
            frames.write(self._control.fileno(), ended)
            if ended[0] == TIMEOUT:
                break
        if channel is not None:
            os.close(channel)

    def _run_case(self, job: dict[str, Any], case: dict[str, Any], channel: int | None) -> list[Any]:
        files: list[int] = []
        try:
            try:
                files += [os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "value")]
                _write_all(files[0], case.pop("stdin", ""))
                started = time.monotonic()
                pid = os.fork()
            except OSError as error:  # no process or memory left on this machine
                return [ERROR, "", "", f"could not start a process: {error}", 0.0]
            stdin, stdout, stderr, value = files
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._control.close()
                child.live(job, case, (stdin, stdout, stderr, value if channel is None else channel), self._filter)
            frames.write(self._control.fileno(), BEGAN)
            status, late = self._wait(pid, started + job["seconds"])
            seconds = time.monotonic() - started
            orphans.end_all(self._children)
            scratch.empty(self._directory)
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


def _write_all(descriptor: int, text: str) -> None:
    """Fill a file with `text` for someone to read from its start. Lone surrogates, which UTF-8 cannot have, get the bytes they would have."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)


def _read(descriptor: int, limit: int, from_end: bool = False) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, limit, max(0, size - limit) if from_end else 0).decode("utf-8", "replace")
