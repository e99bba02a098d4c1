"""Seccomp notifications: a child's path calls and new threads wait for a word from its cell, which answers them itself (Linux 5.9).

Structures and numbers are those of include/uapi/linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from typing import NamedTuple

from . import kernel, seccomp

RECEIVE, ANSWER, ADD_DESCRIPTOR = 0xC0502100, 0xC0182101, 0x40182103
SET_MODE_FILTER, NEW_LISTENER, CONTINUE = 1, 1 << 3, 1
PAGE = os.sysconf("SC_PAGE_SIZE")
PATH_MAX = 4096


class Notice(NamedTuple):
    """A call that waits: the kernel's name for it, the thread that made it, the call's number, its arguments."""

    identity: int
    thread: int
    number: int
    arguments: tuple[int, ...]


def listen(filter_: seccomp.Filter) -> int:
    """Put a filter on this process whose notices arrive at the descriptor returned."""
    number = {"x86_64": 317, "aarch64": 277}[kernel.MACHINE]
    return kernel.syscall(number, ctypes.c_uint(SET_MODE_FILTER), ctypes.c_uint(NEW_LISTENER), filter_.header, what="seccomp")


def receive(listener: int) -> Notice:
    """The next notice.

    Raises:
        OSError: ENOENT when who made the call is gone.
    """
    data = bytearray(80)
    fcntl.ioctl(listener, RECEIVE, data)
    identity, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", data)
    return Notice(identity, thread, number, tuple(arguments))


def answer(listener: int, notice: Notice, value: int = 0, error: int = 0, go_on: bool = False) -> None:
    """Have the call return `value`, or fail with errno `error`; or let the kernel run it after all (`go_on`)."""
    try:
        fcntl.ioctl(listener, ANSWER, struct.pack("=Qqii", notice.identity, value, -error, CONTINUE if go_on else 0))
    except FileNotFoundError:
        pass  # killed while it waited


def give(listener: int, notice: Notice, descriptor: int, close_on_exec: bool) -> int:
    """Put a copy of `descriptor` into the process that waits. Returns its number there."""
    flags = os.O_CLOEXEC if close_on_exec else 0
    return fcntl.ioctl(listener, ADD_DESCRIPTOR, bytearray(struct.pack("=QIIII", notice.identity, 0, descriptor, 0, flags)))


class Memory:
    """The memory of a child of this process, which has not been waited for."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def text(self, address: int) -> str:
        """The path at `address`.

        Raises:
            OSError: EFAULT when there is none.
        """
        first = PAGE - address % PAGE
        data = self.read([(address, first), (address + first, PATH_MAX - first)] if first < PATH_MAX else [(address, PATH_MAX)])
        path, end, _ = data.partition(b"\0")
        if not end:
            raise OSError(36 if len(data) == PATH_MAX else 14, "no path")
        return os.fsdecode(path)

    def read(self, ranges: list[tuple[int, int]]) -> bytes:
        buffer = ctypes.create_string_buffer(sum(size for _, size in ranges))
        length = self._move({"x86_64": 310, "aarch64": 270}, buffer, ranges)
        return buffer.raw[:length]

    def write(self, address: int, data: bytes) -> None:
        buffer = ctypes.create_string_buffer(data, len(data))
        if self._move({"x86_64": 311, "aarch64": 271}, buffer, [(address, len(data))]) < len(data):
            raise OSError(14, "no such memory")

    def _move(self, numbers: dict[str, int], buffer: ctypes.Array[ctypes.c_char], ranges: list[tuple[int, int]]) -> int:
        local = struct.pack("=QQ", ctypes.addressof(buffer), len(buffer))
        remote = b"".join(struct.pack("=QQ", *each) for each in ranges)
        counts = ctypes.c_ulong(1), ctypes.c_ulong(len(ranges)), ctypes.c_ulong(0)
        return kernel.syscall(numbers[kernel.MACHINE], ctypes.c_int(self._pid), local, counts[0], remote, *counts[1:], what="memory of a child")
