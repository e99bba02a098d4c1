"""Landlock: which files, TCP ports, abstract sockets and signals a process may reach (Linux 5.13 and later, no privilege needed).

Numbers are those of include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from .kernel import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
READ = READ_FILE | READ_DIR
# Rights by the ABI version that brought them: 1 has bits 0-12, then refer, truncate, (TCP), device ioctl.
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
# A program may write, make and remove plain files, directories, links and FIFOs; never devices or sockets, never execute.
WRITE = WRITE_FILE | READ | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14
TCP_RIGHTS = 0b11  # bind, connect; ABI 4
SCOPES = 0b11  # abstract UNIX sockets, signals; ABI 6


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("directory", ctypes.c_int32)]


def restrict(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Leave this process, and all that it forks, only the given paths; no TCP, no signal to the outside. Returns the kernel's ABI version.

    This process must have no_new_privs.

    Raises:
        OSError: when the kernel has no Landlock.
    """
    abi = syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1), what="landlock")
    handled = sum(rights for version, rights in FILE_RIGHTS.items() if version <= abi)
    ruleset = _Ruleset(handled, TCP_RIGHTS if abi >= 4 else 0, SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    handle = syscall(CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0), what="landlock ruleset")
    try:
        for paths, rights in ((readable, READ), (writable, WRITE)):
            for path in paths:
                _allow(handle, path, rights & handled)
        syscall(RESTRICT_SELF, ctypes.c_int(handle), ctypes.c_uint32(0), what="landlock restrict")
    finally:
        os.close(handle)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        directory = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= WRITE_FILE | READ_FILE | FILE_RIGHTS[3]
        rule = _Beneath(rights, directory)
        syscall(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0), what=f"landlock rule {path}")
    finally:
        os.close(directory)
