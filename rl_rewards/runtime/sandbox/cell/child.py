"""What a child does: it takes its limits, runs one program in a fresh module, and leaves. It never returns to the cell's code.

Descriptors: 0 is stdin, 1 stdout, 2 stderr, all files in memory, put under the streams that Python opened in the zygote; 3 is where a
value goes, or the channel between a program and its tests.
"""

from __future__ import annotations

import atexit
import gc
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from typing import Any

from . import kernel, notify, program, walls

STACK_BYTES = 64 << 20
HIGHEST_DESCRIPTOR = 256
# A child's exit status when it ended as it should; one that the interpreter itself never gives.
RAISED = 1


def live(
    job: dict[str, Any], case: dict[str, Any], descriptors: tuple[int, int, int, int], raised: walls.Raised, processes: int, cell: socket.socket
) -> None:
    """Run one case of a job in this process, then end it.

    Args:
        job: see process.py.
        case: see process.py.
        descriptors: what becomes 0 to 3.
        raised: the walls around this process.
        processes: a descriptor of /proc.
        cell: takes what the broker needs: where the notices arrive, and this process's name in /proc.
    """
    code = RAISED
    try:
        if raised.notified is not None:
            name = os.readlink("self", dir_fd=processes).encode("ascii")
            socket.send_fds(cell, [name], [notify.listen(raised.notified)])
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        os.closerange(len(descriptors), HIGHEST_DESCRIPTOR)
        _limit(job)
        for filter_ in raised.filters:
            filter_.put_on()
        gc.enable()
        code = program.run(job, case)
    except BaseException as error:  # the program's own, which is what its stderr and its exit status are for
        code = _report(error)
    finally:
        _leave(code)


def limit_all() -> None:
    """The limits that are the same for every child; the cell takes them once, and they are inherited."""
    stack = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = STACK_BYTES if stack == resource.RLIM_INFINITY else min(STACK_BYTES, stack)
    for which, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, HIGHEST_DESCRIPTOR), (resource.RLIMIT_STACK, stack)):
        resource.setrlimit(which, (limit, limit))


def _limit(job: dict[str, Any]) -> None:
    if os.getppid() != 1:  # in a namespace of the cell's, the kernel ends everything with the cell
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    memory = job["base_bytes"] + (job["memory_mb"] << 20)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = int(job["seconds"]) + 2  # a backstop: the cell's deadline comes first
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["output_bytes"], job["output_bytes"]))


def _report(error: BaseException) -> int:
    """What Python would say last of an uncaught exception, to stderr. Returns the exit status."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr, flush=True)
        return RAISED
    try:
        print("".join(traceback.format_exception_only(error)), file=sys.stderr, flush=True)
    except BaseException:  # no memory left, say: the type alone must do
        os.write(2, type(error).__name__.encode())
    return RAISED


def _leave(code: int) -> None:
    """End as an interpreter does, threads joined and exit functions run, but without tearing down what the cell had loaded."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing ends its children
        atexit._run_exitfuncs()
        for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None)):
            if stream is not None and not getattr(stream, "closed", False):  # a program may close or remove them: Python does not mind
                stream.flush()
    except BaseException as error:
        code = code or _report(error)
    finally:
        os._exit(code)
