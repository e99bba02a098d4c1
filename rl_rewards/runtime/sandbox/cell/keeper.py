"""The keeper of a cell: its parent, which lets it start threads as long as there are not too many, and waits for its end."""

from __future__ import annotations

import errno
import os
import select
import socket

from . import notify, seccomp


def have_threads_counted(keeper: socket.socket, processes: int) -> bool:
    """Have the keeper at the other end asked about every new thread of this process's children. Returns whether that can be had.

    Nothing waits on any other call. `processes` is a descriptor of /proc.
    """
    try:
        threads_of(processes, "self")
        listener = notify.listen(seccomp.Filter(seccomp.build_threads()))
    except OSError:
        return False
    socket.send_fds(keeper, [b"n"], [listener])
    os.close(listener)
    return True


def keep(notices: socket.socket, processes: int, most: int) -> None:
    """Let each process of the cell have `most` threads, until none is left that could ask for one."""
    sent = socket.recv_fds(notices, 1, 1)[1]
    if not sent:
        return  # it ended, or threads are not counted here
    poll = select.poll()
    poll.register(sent[0], select.POLLIN)
    while poll.poll()[0][1] & select.POLLIN:
        try:
            notice = notify.receive(sent[0])
            too_many = threads_of(processes, str(notice.thread)) >= most
        except OSError:
            continue  # killed meanwhile
        notify.answer(sent[0], notice, error=errno.EAGAIN if too_many else 0, go_on=not too_many)


def threads_of(processes: int, name: str) -> int:
    """How many threads the process of that name in /proc has."""
    return os.stat(f"{name}/task", dir_fd=processes).st_nlink - 2
