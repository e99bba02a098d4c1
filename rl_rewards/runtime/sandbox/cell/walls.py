"""The walls around a cell, raised once, before it sees any program; every child is born inside them.

    wall         keeps a program from                                               needs
    user, pid    seeing, signalling or tracing other processes                       user namespaces
    network      any network                                                         user namespaces
    mount        filling the disk; seeing that other files exist                     user namespaces
    ipc          shared memory and message queues of others                          user namespaces
    landlock     reading or writing any file but Python's own and its scratch        Linux 5.13
    seccomp      starting processes, sending signals, sockets, ptrace, and the rest  Linux 3.17, x86_64 or aarch64

Resource limits (child.py) work everywhere. A wall that the kernel lacks is named once, at the start.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Collection

from . import kernel, landlock, namespaces, seccomp

WALLS = ("user", "pid", "network", "mount", "ipc", "landlock", "seccomp")
SCRATCH_MB = 64  # where there is a mount namespace: the size of all files of one call together
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


def raise_walls(scratch: str, without: Collection[str], lacking: list[str]) -> tuple[seccomp.Filter | None, list[str], str]:
    """The walls that the cell raises itself. Returns the filter for its children, all walls that are lacking, and the cell's directory."""
    lacking, visible = [*lacking, *without], python_files()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    directory = None
    if "mount" not in lacking:  # nothing is ever mounted where others would see it
        try:
            directory = namespaces.enter_root(scratch, SCRATCH_MB, [*visible, *DEVICES])
        except OSError:
            lacking.append("mount")
    directory = directory or tempfile.mkdtemp(prefix="cell-", dir=scratch)
    if "landlock" not in without:
        try:
            landlock.restrict([*visible, *DEVICES], [directory, os.devnull])
        except OSError:
            lacking.append("landlock")
    try:
        kernel.drop_capabilities()
    except (OSError, KeyError):
        pass  # without namespaces an ordinary user has none to drop
    filter_ = None
    if "seccomp" not in without:
        try:
            filter_ = seccomp.Filter()
        except OSError:
            lacking.append("seccomp")
    return filter_, lacking, directory
