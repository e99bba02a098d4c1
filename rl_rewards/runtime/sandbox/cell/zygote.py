"""The zygote: a clean interpreter with the libraries loaded, which forks a cell whenever its caller passes it a socket.

Started as a fresh process with an empty environment before any program is seen, so it holds no secret, no data set, no CUDA context and no
thread of the caller's. It ends with its caller, however that ends, and its cells end with it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import site
import socket
import sys

from . import keeper, kernel, loop, orphans, scratch, walls

# What is asked of a zygote: a cell for a model's programs, or one for tests and the user's own code.
FOR_PROGRAMS, TRUSTED = b"p", b"t"
# Loaded once, so that no program waits for them; what programs of this kind import most.
USUAL = (
    "array bisect collections collections.abc copy dataclasses datetime decimal enum fractions functools heapq io itertools json math "
    "numbers operator random re statistics string sys textwrap time typing"
).split()


def main() -> None:
    """Serve until the caller ends. Its argument is the JSON object that process_cells.Zygote makes."""
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=_lowest(options["control"]))
    _lowest(options["lock"])  # held by this process and its cells, to the end of the last of them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle; it hangs up when it ends
    _prefer_this_when_memory_runs_out()
    site.setquit()  # started without site, whose .pth files may load anything; programs may still call exit()
    sys.path += [path for path in options["paths"] if path not in sys.path]
    for name in USUAL + options["libraries"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    children = orphans.adopt()
    try:
        _serve(control, options)
    finally:
        orphans.end_all(children)  # first, so that no program puts anything more where it was emptied
        scratch.remove(options["scratch"])


def _lowest(descriptor: int) -> int:
    """The lowest free descriptor for the same file: children close what is low, and the caller may have had a thousand files open."""
    moved = os.dup(descriptor)
    os.close(descriptor)
    return moved


def _serve(control: socket.socket, options: dict) -> None:
    poll = select.poll()
    poll.register(control, select.POLLIN)
    with contextlib.suppress(OSError):
        poll.register(os.pidfd_open(options["caller"]), select.POLLIN)
    while os.getppid() == options["caller"]:
        ready = poll.poll(1000)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not ready:
            continue
        if any(descriptor != control.fileno() for descriptor, _ in ready):
            return
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        with contextlib.suppress(OSError):  # no process to be had now: the caller, who is hung up on, will ask again
            if os.fork() == 0:
                control.close()
                _become_cell(socket.socket(fileno=descriptors[0]), options, message == TRUSTED)
        os.close(descriptors[0])


def _become_cell(control: socket.socket, options: dict, trusted: bool) -> None:
    """Never returns. Two processes, of which this is the keeper: whoever enters a process namespace is not in it, only its children are."""
    code = 1
    try:
        os.setsid()
        if trusted:
            importlib.import_module(".suite", __package__)
        processes = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the cell will leave this root
        lacking = walls.enter_namespaces(options["without"])
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # after the namespaces: gaining capabilities there clears it
        notices, to_keeper = socket.socketpair()
        if os.fork() == 0:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            notices.close()
            loop.live(control, options, lacking, processes, to_keeper)
            os._exit(0)
        control.close()
        to_keeper.close()
        keeper.keep(notices, processes, options["threads"])
        code = os.waitstatus_to_exitcode(os.wait()[1])
    finally:
        os._exit(code & 0xFF)


def _prefer_this_when_memory_runs_out() -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
