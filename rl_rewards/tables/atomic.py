"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ["atomic_path", "clean_up_on_signals", "scratch_directory"]


_unfinished: set[Path] = set()
"""Temporary files and directories of this process."""


def clean_up_on_signals() -> None:
    """Remove the temporary files of this process when SIGTERM or SIGHUP ends it, for commands: a library leaves signals to its caller.

    A signal that is ignored, as under nohup, or has a handler stays as it is.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _clean_up_and_end)


def _clean_up_and_end(number: int, frame: FrameType | None) -> None:
    for path in list(_unfinished):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # the caller sees which signal ended the process


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A fresh empty file beside `path`, to be written to; it takes `path`'s place when the block ends, and is removed when it raises.

    Raises:
        OSError: at once, when the directory is missing or may not be written to, or `path` is a directory.
    """
    target = Path(os.path.realpath(path))  # a link's target is what is replaced, not the link
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    _unfinished.add(temporary)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        _unfinished.discard(temporary)
        error.filename = os.fspath(path)  # the name that the caller knows
        raise
    try:
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        yield temporary
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        _unfinished.discard(temporary)


@contextlib.contextmanager
def scratch_directory(beside: Path | None) -> Iterator[Path]:
    """A fresh directory, which is removed with all that it holds when the block ends.

    Args:
        beside: a file next to which it is made, on storage that holds such files; None for the system's place for temporary files.
    """
    prefix, place = (".rl_rewards.", None) if beside is None else (f"{beside.name}.", beside.parent)
    path = Path(tempfile.mkdtemp(".tmp", prefix, place))
    _unfinished.add(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _unfinished.discard(path)
