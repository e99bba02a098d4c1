"""System calls that Python does not wrap, by number, through ctypes: no dependency, no compiler."""

from __future__ import annotations

import ctypes
import os
import platform

MACHINE = platform.machine()
LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 0x8000, 2, 1, 2
RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH = 0x02, 0x08


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


def mount_read_only(target: str) -> None:
    """Make the mount at `target`, and every mount beneath it, read-only (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    number, size = ctypes.c_uint(AT_RECURSIVE), ctypes.c_size_t(32)
    syscall(442, ctypes.c_int(-100), target.encode(), number, ctypes.byref(attributes), size, what=f"mount_setattr {target}")


def pivot_root(directory: str) -> None:
    """Make `directory`, a mount point, the root of this mount namespace, and let go of the old root."""
    os.chdir(directory)
    syscall({"x86_64": 155, "aarch64": 41}[MACHINE], b".", b".", what="pivot_root")  # the old root now lies over the new one
    check(LIBC.umount2(b".", ctypes.c_int(MNT_DETACH)), "umount of the old root")
    os.chdir("/")


def open_beneath(directory: int, path: str, flags: int, mode: int = 0) -> int:
    """Open `path`, which may not lead out of `directory` by any link or `..` (Linux 5.6).

    Raises:
        OSError: EXDEV when it does.
    """
    how = (ctypes.c_uint64 * 3)(flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    return syscall(437, ctypes.c_int(directory), os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(24), what="openat2")


def drop_capabilities() -> None:
    """Give up every capability, in every set."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    syscall({"x86_64": 126, "aarch64": 91}[MACHINE], header, (ctypes.c_uint32 * 6)(), what="capset")
