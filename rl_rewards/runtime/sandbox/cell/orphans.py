"""What programs leave running: found and killed, in whatever session it hides."""

from __future__ import annotations

import contextlib
import os
import signal

from . import kernel


def adopt() -> int | None:
    """Make what its descendants leave behind this process's own children. Returns a file that lists them, opened while it still can be.

    None for the init of a namespace, which needs no list, and where there is no such file.
    """
    if os.getpid() == 1:
        return None
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    try:
        return os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def end_all(children: int | None) -> None:
    """Kill all that lives below this process, and wait until it is gone. `children` is what `adopt` gave."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    while children is not None:
        left = [int(number) for number in os.pread(children, 1 << 16, 0).split()]
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
