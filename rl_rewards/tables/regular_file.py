"""Files that have an end: a named pipe or a device would be waited for, or read, for ever."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from rl_rewards.user_errors import UserError

__all__ = ["NotRegularFileError", "file_version", "open_regular"]

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
}


class NotRegularFileError(UserError, OSError):
    """What a path names is a pipe, a device, a socket or a directory."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading bytes, without ever waiting for another process.

    Raises:
        OSError: when it cannot be opened.
        NotRegularFileError: when it is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise NotRegularFileError(f"{os.fspath(path)}: must be a regular file, got {_KINDS.get(kind, 'something else')}")
    return os.fdopen(descriptor, "rb")


def file_version(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """What changes when a file is written again, or another has its name: what was read of it may be kept under this."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
