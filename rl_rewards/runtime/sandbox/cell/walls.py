"""The walls around a cell, raised once, before it sees any program; every child is born inside them.

    wall         keeps a program from                                               needs
    user, pid    seeing, signalling or tracing other processes                       user namespaces
    network      any network                                                         user namespaces
    mount        seeing or changing any file but Python's own and its scratch;       user namespaces, Linux 5.12
                 filling the disk
    ipc          shared memory and message queues of others                          user namespaces
    landlock     reading or writing any file but Python's own and its scratch        Linux 5.13
    seccomp      starting processes, sending signals, sockets, ptrace, and the rest  Linux 3.17, x86_64 or aarch64
    broker       what `mount` keeps it from, where that is lacking; a flood of       Linux 5.9, /proc
                 threads

Resource limits (child.py) work everywhere. A wall that the kernel lacks is named once, at the start.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from . import keeper, kernel, landlock, namespaces, seccomp
from .broker import NOTIFIED, Broker

WALLS = ("user", "pid", "network", "mount", "ipc", "landlock", "seccomp", "broker")
SCRATCH_MB = 64  # where there is a mount namespace: the size of all files of one call together
MAX_ENTRIES = 1024  # where there is none: of files and directories of one case, which a disk may take milliseconds each to remove
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def python_files() -> list[str]:
    """The directories that running Python and importing its libraries takes: standard library, site-packages, shared objects."""
    paths = {*sys.path, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
    paths |= {
        sysconfig.get_config_var("LIBDIR") or "",
        "/usr/lib",
        "/lib",
        "/lib64",
        "/usr/share/zoneinfo",
        "/etc/localtime",
        "/etc/ld.so.cache",
    }
    return sorted({form for path in paths if path and os.path.exists(path) for form in (os.path.abspath(path), os.path.realpath(path))})


def enter_namespaces(without: Collection[str]) -> list[str]:
    """The walls that must be there before the fork that makes the cell. Returns the names of those lacking."""
    return namespaces.enter(without)


@dataclass(slots=True)
class Raised:
    """What became of the walls.

    Attributes:
        lacking: those that this machine lacks, or that were left out.
        directory: the cell's scratch, the only place where its programs may write.
        filters: what a child puts on before it runs a program.
        notified: the filter whose notices `broker` answers; None without a broker.
    """

    lacking: list[str]
    directory: str
    filters: list[seccomp.Filter]
    notified: seccomp.Filter | None = None
    broker: Broker | None = None

    def give_up_broker(self) -> None:
        """Do without the broker, which this machine turned out not to allow."""
        self.lacking.append("broker")
        self.notified = self.broker = None
        if "mount" in self.lacking and self.filters:  # programs have no files of their own then
            self.filters.insert(0, seccomp.Filter(seccomp.build_read_only()))  # the last one on forbids others


def raise_walls(options: dict[str, Any], lacking: list[str], processes: int, to_keeper: socket.socket) -> Raised:
    """Raise the walls that the cell raises itself.

    Args:
        options: those of the zygote (process_cells.py).
        lacking: walls that are lacking already.
        processes: a descriptor of /proc.
        to_keeper: a socket whose other end the keeper has.
    """
    scratch, without = options["scratch"], options["without"]
    lacking, visible = [*lacking, *without], [*python_files(), *DEVICES]
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    directory = None
    if "mount" not in lacking:  # nothing is ever mounted where others would see it
        try:
            directory = namespaces.enter_root(scratch, SCRATCH_MB, visible)
        except OSError:
            lacking.append("mount")
    if directory is None:
        directory = os.path.realpath(f"{scratch}/cell-{os.urandom(8).hex()}")
        os.mkdir(directory, 0o700)
    if "landlock" not in without:
        try:
            landlock.restrict(visible, [directory, os.devnull])
        except OSError:
            lacking.append("landlock")
    try:
        kernel.drop_capabilities()
    except (OSError, KeyError):
        pass  # without namespaces an ordinary user has none to drop
    raised = Raised(lacking, directory, [])
    if "seccomp" not in without:
        try:
            raised.filters.append(seccomp.Filter(seccomp.build()))
        except OSError:
            lacking.append("seccomp")
    if not raised.filters or "broker" in without:
        raised.give_up_broker()
    elif "mount" in lacking:
        raised.notified = seccomp.Filter(seccomp.build_list(["clone", *NOTIFIED], seccomp.NOTIFY))
        raised.broker = Broker(directory, visible, MAX_ENTRIES, SCRATCH_MB << 20, options["threads"], processes)
    elif not keeper.have_threads_counted(to_keeper, processes):
        lacking.append("broker")
    return raised
