"""A cell: a forked zygote inside its walls, which runs one job at a time, each of its cases in a child of its own.

The cell never looks into a program: it forks, waits for the child or the deadline, kills what is left, and reads what the kernel says of it.
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

from . import child, frames, kernel, seccomp, walls

SCORED, TIMEOUT, CRASHED = "scored", "timeout", "crashed"


def live(control: socket.socket, scratch: str, without: Collection[str], lacking: list[str]) -> None:
    """Raise the walls, say which are lacking, and run jobs until the caller hangs up. The caller sends the frames of process.py."""
    with open("/proc/self/statm") as file:
        base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    orphans = None
    if os.getpid() != 1:  # not the init of a namespace: then this process must find a child's orphans itself
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        with contextlib.suppress(OSError):
            orphans = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
    filter_, lacking, directory = walls.raise_walls(scratch, without, lacking)
    os.environ.update(HOME=directory, TMPDIR=directory)
    os.chdir(directory)
    child.limit_all()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page of the cell
    gc.disable()
    frames.write(control.fileno(), {"lacking": lacking})
    with contextlib.suppress(frames.Closed):
        while True:
            job = frames.read(control.fileno())
            job["base_bytes"] = base_bytes
            channel = socket.recv_fds(control, 1, 1)[1][0] if job["channel"] else None
            ended = []
            for case in job["cases"]:
                ended.append(_run_case(job, case, channel, control, directory, filter_, orphans))
                if ended[-1][0] == TIMEOUT:
                    break  # one deadline is what a program can cost
            if channel is not None:
                os.close(channel)
            frames.write(control.fileno(), ended)


def _run_case(
    job: dict[str, Any], case: dict[str, Any], channel: int | None, control: socket.socket, directory: str,
    filter_: seccomp.Filter | None, orphans: int | None,
) -> list[Any]:  # fmt: skip
    """[outcome, stdout, value, error, seconds] of one case."""
    stdin, stdout, stderr, value = files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "value")]
    try:
        if case.get("stdin"):
            os.write(stdin, case["stdin"].encode("utf-8", "surrogateescape"))
            os.lseek(stdin, 0, os.SEEK_SET)
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            control.close()
            child.live(job, case, (stdin, stdout, stderr, value if channel is None else channel), filter_)
        status, late = _wait(pid, started + job["seconds"], control)
        seconds = time.monotonic() - started
        _kill_the_rest(pid, orphans)
        _empty(directory)
        outcome, error = _judge(status, late, _read(stderr, 4096, from_end=True))
        return [outcome, _read(stdout, job["output_bytes"]), _read(value, job["output_bytes"]), error, round(seconds, 6)]
    finally:
        for descriptor in files:
            os.close(descriptor)


def _wait(pid: int, deadline: float, control: socket.socket) -> tuple[int, bool]:
    """Wait for the child, the deadline (the child is killed) or the caller's end (the cell ends). Returns the status, and whether late."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(control, select.POLLIN)
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        late = not any(descriptor == handle for descriptor, _ in ready)
        if late:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if late and ready:
            raise frames.Closed("the caller hung up")
        return status, late
    finally:
        os.close(handle)


def _kill_the_rest(pid: int, orphans: int | None) -> None:
    """Kill what a child left behind, in whatever session: as init, everything in this namespace; else, every child that fell to us."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    while orphans is not None:
        left = [int(number) for number in os.pread(orphans, 1 << 16, 0).split()]
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
    return CRASHED, f"killed by {signal.Signals(-code).name}"


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
                os.rename(inner.path, os.path.join(directory, f".{serial}-{os.path.basename(entry.path)[:8]}"))
            os.rmdir(entry.path)
