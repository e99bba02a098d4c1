"""Finished work on disk, one line each, so that what was cut short goes on: also after `kill -9`."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rl_rewards.user_errors import UserError

__all__ = ["Journal", "JournalError"]


class JournalError(UserError, RuntimeError):
    """A journal belongs to other work, is in use, or is none."""


class Journal:
    """Values by key in a file that is only appended to; values stay on disk and are read when they are asked for.

    Each entry is one write of one line. A line that a kill cut short is dropped when the file is opened again. One process at a time.

    Args:
        path: the file; made where there is none.
        identity: JSON that tells this work from any other; the file's first line holds it.
        other: what to do about a file of other work, for the error.

    Raises:
        JournalError: when the file belongs to other work (the differences are named), another process has it open, or it is no journal.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any], other: str = "remove it, or name another file") -> None:
        self.path = Path(path)
        self._places: dict[str, tuple[int, int]] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            self._open(json.loads(json.dumps(dict(identity), default=str)), other)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Any:
        start, size = self._places[key]
        return json.loads(os.pread(self._file, size, start))["value"]

    def __setitem__(self, key: str, value: Any) -> None:
        line = json.dumps({"key": key, "value": value}).encode() + b"\n"
        start = os.fstat(self._file).st_size
        if (written := os.write(self._file, line)) != len(line):
            raise OSError(errno.ENOSPC, f"{written} of {len(line)} bytes were written", str(self.path))
        self._places[key] = start, len(line)

    def close(self) -> None:
        """Let go of the file; another process may go on with it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Close and remove the file: the work is done."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{self.path}: another process works on this; wait for it, or name another file") from None

    def _open(self, identity: dict[str, Any], other: str) -> None:
        lines = self._lines()
        _, first = next(lines, (0, None))
        if first is None:
            os.write(self._file, json.dumps({"identity": identity}).encode() + b"\n")
            return
        found = first.get("identity")
        if not isinstance(found, dict):
            raise JournalError(f"{self.path}: is no file of finished work; {other}")
        entries = list(lines)
        if found != identity and not entries:  # nothing was finished: it may become this work's
            os.ftruncate(self._file, 0)
            os.write(self._file, json.dumps({"identity": identity}).encode() + b"\n")
            return
        if changed := sorted(name for name in found.keys() | identity.keys() if found.get(name) != identity.get(name)):
            told = "; ".join(f"{name} was {_shown(found.get(name))}, is {_shown(identity.get(name))}" for name in changed)
            raise JournalError(f"{self.path}: holds the finished part of other work: {told}; {other}")
        self._places = {entry["key"]: place for place, entry in entries}

    def _lines(self) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
        """Each whole line's place and content, without the value of an entry; what follows the last whole line is cut off."""
        start = 0
        with open(self.path, "rb") as file:
            for line in file:
                entry = None
                with contextlib.suppress(ValueError):
                    entry = json.loads(line) if line.endswith(b"\n") else None
                if not isinstance(entry, dict):
                    if start == 0 and line.endswith(b"\n"):
                        raise JournalError(f"{self.path}: is no file of finished work; remove it, or name another file")
                    os.ftruncate(self._file, start)
                    return
                entry.pop("value", None)  # it is read when it is asked for
                yield (start, len(line)), entry
                start += len(line)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
