"""System calls that Python does not wrap, by number, through ctypes: no dependency, no compiler."""

from __future__ import annotations

import ctypes
import os
import platform

MACHINE = platform.machine()
LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38


def check(result: int, what: str) -> int:
    """`result`, or an OSError that names `what` when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object, what: str) -> int:
    return check(LIBC.syscall(ctypes.c_long(number), *arguments), what)


def prctl(option: int, value: int = 0, pointer: object = None) -> None:
    check(LIBC.prctl(option, ctypes.c_ulong(value), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)), f"prctl({option})")


def unshare(flags: int) -> None:
    check(LIBC.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    check(LIBC.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def drop_capabilities() -> None:
    """Give up every capability, in every set."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    syscall({"x86_64": 126, "aarch64": 91}[MACHINE], header, (ctypes.c_uint32 * 6)(), what="capset")
