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
from collections.abc import Callable
from typing import Any

from . import child, frames, orphans, scratch, walls
from .deadline import Deadline

SCORED, TIMEOUT, CRASHED, ERROR = "scored", "timeout", "crashed", "error"
BEGAN, NOT_BEGUN = b"+", b"-"
# What a program must be able to do if a broker is to answer for it.
_TRIAL = {
    "program": "import os\nopen('trial', 'w').close()\nos.remove(os.path.realpath('trial'))\nos.stat(os.__file__)", "seconds": 10.0,
    "memory_mb": 512, "output_bytes": 1 << 16,
}  # fmt: skip


def live(control: socket.socket, options: dict[str, Any], lacking: list[str], processes: int, to_keeper: socket.socket) -> None:
    """Raise the walls, say which are lacking, and run jobs until the caller hangs up. The caller sends the frames of process.py."""
    cell = _Cell(control, options, lacking, processes, to_keeper)
    frames.write(control.fileno(), {"lacking": cell.lacking})
    with contextlib.suppress(frames.Closed):
        while True:
            cell.run(frames.read(control.fileno(), frames.LARGEST))


class _Cell:
    def __init__(self, control: socket.socket, options: dict[str, Any], lacking: list[str], processes: int, to_keeper: socket.socket) -> None:
        self._control = control
        with open("/proc/self/statm") as file:
            self._base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        self._children = orphans.adopt()
        self._processes = processes
        with to_keeper:
            self._walls = walls.raise_walls(options, lacking, processes, to_keeper)
        self._directory = self._walls.directory
        os.environ.update(HOME=self._directory, TMPDIR=self._directory)
        os.chdir(self._directory)
        self._bell = _bell()
        self._notices, self._theirs = socket.socketpair()
        child.limit_all()
        if self._walls.broker is not None and self._run_case(dict(_TRIAL), {"kind": "script"})[0] != SCORED:
            self._walls.give_up_broker()
        self.lacking = self._walls.lacking
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page of the cell
        gc.disable()

    def run(self, job: dict[str, Any]) -> None:
        """Run a job's cases. The caller gets BEGAN or NOT_BEGUN, then frames: lists of [outcome, stdout, value, error, seconds] of cases.

        What follows a case that ran out of time is not run: one deadline is what a program can cost. From BEGAN on, whatever happens to
        this cell is the program's doing.
        """
        self._said = False
        channel, clocks = socket.recv_fds(self._control, 1, 2)[1] if job["channel"] else (None, None)
        ended: list[list[Any]] = []
        characters = 0
        for case in job["cases"]:
            ended.append(self._run_case(job, case, channel, clocks, lambda: self._say(BEGAN)))
            characters += len(ended[-1][1]) + len(ended[-1][2])
            if ended[-1][0] in (TIMEOUT, ERROR):
                self._say(NOT_BEGUN)
                break
            if characters > frames.MODERATE:  # what all outputs together would be has no limit
                frames.write(self._control.fileno(), ended)
                ended, characters = [], 0
        if ended:
            frames.write(self._control.fileno(), ended)
        for descriptor in (channel, clocks):
            if descriptor is not None:
                os.close(descriptor)

    def _say(self, word: bytes) -> None:
        """Send a word, unless this job has had one."""
        if not self._said:
            self._control.sendall(word)
            self._said = True

    def _run_case(
        self,
        job: dict[str, Any],
        case: dict[str, Any],
        channel: int | None = None,
        clocks: int | None = None,
        began: Callable[[], None] = lambda: None,
    ) -> list[Any]:
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
                job["base_bytes"] = self._base_bytes
                child.live(job, case, (stdin, stdout, stderr, value if channel is None else channel), self._walls, self._processes, self._theirs)
            began()
            deadline = Deadline(pid, started, job["seconds"], clocks, place=case["kind"] == "tests")
            status, late = self._wait(pid, deadline, job["output_bytes"])
            seconds = time.monotonic() - started
            orphans.end_all(self._children)
            scratch.empty(self._directory)
            outcome, error = _judge(status, late, _read(stderr, 4096, from_end=True))
            return [outcome, _read(stdout, job["output_bytes"]), _read(value, job["output_bytes"]), error, round(seconds, 6)]
        finally:
            for descriptor in files:
                os.close(descriptor)

    def _wait(self, pid: int, deadline: Deadline, largest: int) -> tuple[int, bool]:
        """Wait for the child, the deadline (the child is killed) or the caller's end (the cell ends): the status, and whether late.

        Meanwhile, the broker answers the child's notices; where they arrive is the first thing that the child sends.
        """
        poll = select.poll()
        sent: list[int] = []
        for each in (self._bell, self._control, self._notices):
            poll.register(each, select.POLLIN)
        try:
            while True:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return status, False
                left = deadline.at - time.monotonic()
                ready = dict(poll.poll(max(0.0, left) * 1000))
                if self._bell in ready:
                    os.read(self._bell, 4096)
                elif self._control.fileno() in ready:
                    _kill(pid)
                    raise frames.Closed("the caller hung up")
                elif left <= 0 or not ready:
                    if not deadline.extend():
                        return _kill(pid), True
                elif self._notices.fileno() in ready:
                    name, sent, _, _ = socket.recv_fds(self._notices, 32, 1)
                    if self._walls.broker is not None:
                        self._walls.broker.begin(pid, sent[0], name.decode("ascii"), largest)
                    poll.register(sent[0], select.POLLIN)
                elif ready[sent[0]] & select.POLLIN and self._walls.broker is not None:
                    self._walls.broker.serve()
                else:
                    poll.unregister(sent[0])
        finally:
            if self._walls.broker is not None and not sent:  # killed or ended so soon that what it sent, if it did, lies there still
                with contextlib.suppress(BlockingIOError):
                    sent = socket.recv_fds(self._notices, 32, 1, socket.MSG_DONTWAIT)[1]
            for descriptor in sent:
                os.close(descriptor)


def _kill(pid: int) -> int:
    """Kill a child; returns its status."""
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


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
