"""The broker: where there is no mount namespace, a cell makes its programs' path calls for them, beneath its scratch and Python's files alone.

A program's call waits while the cell reads the path, carries the call out itself with descriptors that cannot lead elsewhere, and hands
back a result or an open file. Nothing is checked and then left to the kernel to look up again, so no thread of the program's can swap a
path or a link in between. Every other path is answered alike, whether or not something is there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable, Sequence

from . import keeper, kernel, notify, seccomp

CURRENT = -100  # AT_FDCWD
NOFOLLOW, REMOVE_DIRECTORY, EMPTY_PATH = 0x100, 0x200, 0x1000
# What is passed to openat2, which refuses flags that it does not know.
OPEN_FLAGS = os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Older calls as the newer ones they are short for: name -> newer name, arguments by index, or ("is", value).
SHORT: dict[str, tuple[str, tuple]] = {
    "open": ("openat", (("is", CURRENT), 0, 1, 2)),
    "creat": ("openat", (("is", CURRENT), 0, ("is", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)),
    "stat": ("newfstatat", (("is", CURRENT), 0, 1, ("is", 0))),
    "lstat": ("newfstatat", (("is", CURRENT), 0, 1, ("is", NOFOLLOW))),
    "access": ("faccessat", (("is", CURRENT), 0, 1)),
    "readlink": ("readlinkat", (("is", CURRENT), 0, 1, 2)),
    "rename": ("renameat", (("is", CURRENT), 0, ("is", CURRENT), 1)),
    "mkdir": ("mkdirat", (("is", CURRENT), 0, 1)),
    "rmdir": ("unlinkat", (("is", CURRENT), 0, ("is", REMOVE_DIRECTORY))),
    "unlink": ("unlinkat", (("is", CURRENT), 0, ("is", 0))),
    "symlink": ("symlinkat", (0, ("is", CURRENT), 1)),
    "chmod": ("fchmodat", (("is", CURRENT), 0, 1)),
}


class Broker:
    """Answers the calls of one case's child.

    Args:
        directory: the scratch, the only place where anything can be changed.
        readable: directories and files that can be seen and read.
        most_entries: files and directories in the scratch at any time.
        most_bytes: their size together, in bytes, looked at whenever SAMPLE of them were made.
        most_threads: threads of the child at any time.
        processes: a descriptor of /proc.
    """

    SAMPLE = 64

    def __init__(self, directory: str, readable: Sequence[str], most_entries: int, most_bytes: int, most_threads: int, processes: int) -> None:
        self._directory, self._readable = directory, [*readable]
        self._most_entries, self._most_bytes, self._most_threads = most_entries, most_bytes, most_threads
        self._processes = processes
        self._root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._names = {number: name for name, number in seccomp.numbers().items()}

    def begin(self, pid: int, listener: int, name: str, largest: int) -> None:
        """Serve a new child.

        Args:
            pid: its id.
            listener: where its notices arrive.
            name: its name in /proc, which may be that of another process namespace.
            largest: the size that a file of its may have, in bytes.
        """
        self._memory, self._name, self._listener, self._largest = notify.Memory(pid), name, listener, largest
        self._current = self._directory
        self._entries = 0

    def serve(self) -> None:
        """Answer one notice."""
        try:
            notice = notify.receive(self._listener)
        except OSError:
            return  # killed meanwhile
        name, arguments = self._names[notice.number], notice.arguments
        if name in SHORT:
            name, order = SHORT[name]
            arguments = tuple(arguments[place] if isinstance(place, int) else place[1] for place in order)
        try:
            if name == "clone":
                self._check_threads()
                notify.answer(self._listener, notice, go_on=True)
            elif name == "openat":
                self._open(notice, *arguments[:4])
            else:
                call: Callable[..., int | None] = getattr(self, f"_{name}", _refused)
                notify.answer(self._listener, notice, call(*arguments[: CALLS[name]]) or 0)
        except (OSError, ValueError, OverflowError) as error:
            number = (error.errno if isinstance(error, OSError) else None) or errno.EINVAL
            notify.answer(self._listener, notice, error=errno.ENOENT if number == errno.EXDEV else number)

    def _check_threads(self) -> None:
        if keeper.threads_of(self._processes, self._name) >= self._most_threads:
            raise OSError(errno.EAGAIN, "too many threads")

    # Where a path leads

    def _path(self, directory: int, address: int) -> str:
        """The absolute path that a call names, without dots."""
        return self._joined(directory, self._memory.text(address))

    def _joined(self, directory: int, path: str) -> str:
        if not path:
            raise OSError(errno.ENOENT, "empty path")
        if not path.startswith("/"):
            path = f"{self._current if _signed(directory) == CURRENT else self._path_of(directory)}/{path}"
        return "/" + os.path.normpath(path).lstrip("/")

    def _path_of(self, descriptor: int) -> str:
        path = os.readlink(f"{self._name}/fd/{_signed(descriptor)}", dir_fd=self._processes)
        if not path.startswith("/"):
            raise OSError(errno.ENOTDIR, "no directory")
        return path

    def _inside(self, path: str) -> str | None:
        """`path` relative to the scratch, or None when it lies elsewhere."""
        if path == self._directory:
            return "."
        return path[len(self._directory) + 1 :] if path.startswith(self._directory + "/") else None

    def _may_read(self, path: str) -> bool:
        return any(path == each or path.startswith(each + "/") for each in self._readable)

    def _open_path(self, path: str, flags: int, mode: int = 0) -> int:
        """A descriptor of this process for what `path` names, if the program may have it."""
        flags |= os.O_CLOEXEC
        inner = self._inside(path)
        if inner is not None:
            return kernel.open_beneath(self._root, inner, flags, mode)
        if flags & CHANGES and path != os.devnull:
            raise OSError(errno.EACCES, "not its own")
        if not self._may_read(path):
            raise OSError(errno.ENOENT, "nothing to see")
        real = os.path.realpath(path)
        if flags & os.O_NOFOLLOW:
            real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not self._may_read(real):
            raise OSError(errno.ENOENT, "nothing to see")
        return os.open(real, flags & ~(os.O_CREAT | os.O_EXCL))

    def _parent(self, directory: int, address: int) -> tuple[int, str]:
        """A descriptor of the directory, and the name in it, of something in the scratch that is to be made or removed."""
        inner = self._inside(self._path(directory, address))
        if inner in (None, "."):
            raise OSError(errno.EACCES, "not its own")
        parent, name = os.path.split(inner)
        return kernel.open_beneath(self._root, parent or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), name

    def _handle(self, directory: int, address: int, flags: int) -> int:
        """An O_PATH descriptor for what a call names, be it by a path or, where EMPTY_PATH is in `flags`, by a descriptor."""
        path = self._memory.text(address) if address else ""
        if not path and (flags & EMPTY_PATH or not address):
            if _signed(directory) == CURRENT:
                return self._open_path(self._current, os.O_PATH)
            return os.open(f"{self._name}/fd/{_signed(directory)}", os.O_PATH | os.O_CLOEXEC, dir_fd=self._processes)
        return self._open_path(self._joined(directory, path), os.O_PATH | (os.O_NOFOLLOW if flags & NOFOLLOW else 0))

    def _own(self, directory: int, address: int, flags: int = 0) -> tuple[int, str]:
        """A handle of something that may be changed, and a path by which this process reaches just that."""
        handle = self._handle(directory, address, flags)
        path = f"/proc/self/fd/{handle}"
        if self._inside(os.readlink(path)) is None:
            os.close(handle)
            raise OSError(errno.EPERM, "not its own")
        return handle, path

    # The calls, by the kernel's names and with its arguments

    def _open(self, notice: notify.Notice, directory: int, address: int, flags: int, mode: int) -> None:
        path = self._path(directory, address)
        flags &= OPEN_FLAGS | os.O_PATH
        if flags & os.O_PATH:
            flags &= os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        inner = self._inside(path)
        new = bool(flags & os.O_CREAT) and inner is not None and not self._exists(inner)
        if new:
            self._check_room()
        opened = self._open_path(path, flags, mode & 0o777 if flags & os.O_CREAT else 0)
        self._entries += new
        try:
            notify.answer(self._listener, notice, notify.give(self._listener, notice, opened, bool(flags & os.O_CLOEXEC)))
        finally:
            os.close(opened)

    def _newfstatat(self, directory: int, address: int, buffer: int, flags: int) -> None:
        number = {"x86_64": 262, "aarch64": 79}[kernel.MACHINE]
        with _Closing(self._handle(directory, address, flags)) as handle:
            data = ctypes.create_string_buffer(144 if kernel.MACHINE == "x86_64" else 128)
            kernel.syscall(number, ctypes.c_int(handle), b"", data, ctypes.c_int(EMPTY_PATH), what="stat")
        self._memory.write(buffer, data.raw)

    def _statx(self, directory: int, address: int, flags: int, mask: int, buffer: int) -> None:
        number = {"x86_64": 332, "aarch64": 291}[kernel.MACHINE]
        with _Closing(self._handle(directory, address, flags)) as handle:
            data = ctypes.create_string_buffer(256)
            kernel.syscall(number, ctypes.c_int(handle), b"", ctypes.c_int(EMPTY_PATH), ctypes.c_uint(mask & 0xFFFFFFFF), data, what="statx")
        self._memory.write(buffer, data.raw)

    def _faccessat(self, directory: int, address: int, mode: int, flags: int = 0) -> None:
        with _Closing(self._handle(directory, address, flags)) as handle:
            if not os.access(f"/proc/self/fd/{handle}", mode & 7):
                raise OSError(errno.EACCES, "no such right")

    _faccessat2 = _faccessat

    def _readlinkat(self, directory: int, address: int, buffer: int, size: int) -> int:
        with _Closing(self._handle(directory, address, NOFOLLOW)) as handle:
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "no link")
            target = os.fsencode(os.readlink("", dir_fd=handle))[: _signed(size)]
        self._memory.write(buffer, target)
        return len(target)

    def _getcwd(self, buffer: int, size: int) -> int:
        data = os.fsencode(self._current) + b"\0"
        if len(data) > size:
            raise OSError(errno.ERANGE, "too small")
        self._memory.write(buffer, data)
        return len(data)

    def _chdir(self, address: int) -> None:
        self._go_to(self._path(CURRENT, address))

    def _fchdir(self, descriptor: int) -> None:
        self._go_to(self._path_of(descriptor))

    def _go_to(self, path: str) -> None:
        os.close(self._open_path(path, os.O_PATH | os.O_DIRECTORY))
        self._current = path

    def _renameat2(self, from_directory: int, from_address: int, to_directory: int, to_address: int, flags: int = 0) -> None:
        if flags:
            raise OSError(errno.EINVAL, "not supported")
        (source, old), (target, new) = self._parent(from_directory, from_address), self._parent(to_directory, to_address)
        with _Closing(source), _Closing(target):
            replaced = _is_in(target, new)
            os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        self._entries -= replaced

    _renameat = _renameat2

    def _mkdirat(self, directory: int, address: int, mode: int) -> None:
        parent, name = self._parent(directory, address)
        with _Closing(parent):
            self._check_room()
            os.mkdir(name, mode & 0o777 | 0o700, dir_fd=parent)
        self._entries += 1

    def _symlinkat(self, target: int, directory: int, address: int) -> None:
        parent, name = self._parent(directory, address)
        with _Closing(parent):
            self._check_room()
            os.symlink(self._memory.text(target), name, dir_fd=parent)
        self._entries += 1

    def _unlinkat(self, directory: int, address: int, flags: int) -> None:
        parent, name = self._parent(directory, address)
        with _Closing(parent):
            (os.rmdir if flags & REMOVE_DIRECTORY else os.unlink)(name, dir_fd=parent)
        self._entries -= 1

    def _fchmodat(self, directory: int, address: int, mode: int) -> None:
        handle, path = self._own(directory, address)
        with _Closing(handle):
            # A directory stays its owner's to look into, so that what is in it can be counted.
            os.chmod(path, mode & 0o777 | (0o700 if os.path.isdir(path) else 0))

    def _fchmod(self, descriptor: int, mode: int) -> None:
        self._fchmodat(descriptor, 0, mode)

    def _utimensat(self, directory: int, address: int, times: int, flags: int) -> None:
        data = self._memory.read([(times, 32)]) if times else None
        number = {"x86_64": 280, "aarch64": 88}[kernel.MACHINE]
        handle, path = self._own(directory, address, flags)
        with _Closing(handle):
            kernel.syscall(number, ctypes.c_int(CURRENT), path.encode(), data, ctypes.c_int(0), what="utimensat")

    def _truncate(self, address: int, length: int) -> None:
        if length > self._largest:
            raise OSError(errno.EFBIG, "too large")
        handle, path = self._own(CURRENT, address)
        with _Closing(handle):
            os.truncate(path, length)

    # How much there is in the scratch. Names are made and removed here alone, so that counts are exact.

    def _exists(self, inner: str) -> bool:
        try:
            os.close(kernel.open_beneath(self._root, inner, os.O_PATH | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def _check_room(self) -> None:
        """Raise OSError (ENOSPC) when nothing more may be made."""
        if self._entries >= self._most_entries or (self._entries and self._entries % self.SAMPLE == 0 and self._bytes() > self._most_bytes):
            raise OSError(errno.ENOSPC, "the scratch is full")

    def _bytes(self) -> int:
        return sum(os.lstat(f"{parent}/{name}").st_blocks * 512 for parent, _, names in os.walk(self._directory) for name in names)


# The calls that a broker answers, by name, with the number of arguments that its method takes; those with no method are refused.
CALLS = {
    "openat": 4, "newfstatat": 4, "statx": 5, "faccessat": 3, "faccessat2": 4, "readlinkat": 4, "getcwd": 2, "chdir": 1, "fchdir": 1,
    "renameat": 4, "renameat2": 5, "mkdirat": 3, "symlinkat": 3, "unlinkat": 3, "fchmodat": 3, "fchmod": 2, "utimensat": 4, "truncate": 2,
    "link": 0, "linkat": 0, "utime": 0, "utimes": 0, "futimesat": 0,
}  # fmt: skip
NOTIFIED = [*CALLS, *SHORT]


class _Closing:
    """A descriptor for the length of a block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _is_in(directory: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=directory)
    except OSError:
        return False
    return True


def _refused() -> None:
    raise OSError(errno.EPERM, "not for programs")


def _signed(value: int) -> int:
    """An int argument, which the kernel hands over as 64 unsigned bits."""
    return struct.unpack("=i", struct.pack("=I", value & 0xFFFFFFFF))[0]
