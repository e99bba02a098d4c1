"""A few named numbers that threads, and with a file processes and later runs, change together."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from rl_rewards.user_errors import UserError

__all__ = ["Numbers", "OwnNumbers", "SharedFile", "SharedFileError", "failures_named", "numbers_in", "open_database"]

_PATIENCE = 60.0  # seconds that a process waits for another one's change, which takes a millisecond


class SharedFileError(UserError, RuntimeError):
    """A file that calls share cannot be used."""


class Numbers(Protocol):
    """Named numbers; a name that was never set is absent."""

    def change(self) -> AbstractContextManager[dict[str, float]]:
        """The numbers, to be read and changed by nobody else meanwhile."""
        ...


class OwnNumbers:
    """Numbers of this process."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def change(self) -> Iterator[dict[str, float]]:
        """The numbers, to be read and changed by nobody else meanwhile."""
        with self._lock:
            yield self._values


class SharedFile:
    """Numbers in an SQLite file, which any process of the node may change; a process that is killed leaves them whole.

    Args:
        path: the file, made where it is not there. Its directory must be one.

    Raises:
        SharedFileError: from `change`, when it cannot be made, or is another kind of file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    @contextmanager
    def change(self) -> Iterator[dict[str, float]]:
        """The numbers, to be read and changed by nobody else meanwhile; kept unless the block raises."""
        with self._lock, failures_named(self._path):
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                before = dict(connection.execute("SELECT name, value FROM numbers"))
                values = dict(before)
                yield values
                changed = [(name, value) for name, value in values.items() if before.get(name) != value]
                connection.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", changed)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None or self._owner != os.getpid():  # SQLite's connections must not be carried across a fork
            self._connection = open_database(self._path, "CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value REAL NOT NULL)")
            self._owner = os.getpid()
        return self._connection


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """SQLite's errors as ones that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise SharedFileError(f"{path} must be a file that calls can share (SQLite, writable): {error}") from error


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """A connection in autocommit mode, which other threads may use, too.

    Changes are written before others see them, but not forced to the disk: they outlive every process, and may be lost with the machine.
    """
    if not path.parent.is_dir():
        raise SharedFileError(f"{path}: its directory must be there, and there is no {path.parent}")
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = TRUNCATE")  # WAL needs shared memory, which network file systems lack
    connection.execute(schema)
    return connection


@lru_cache(maxsize=256)
def numbers_in(path: Path | None, owner: str) -> Numbers:
    """The numbers in a file; without one this process's own, of that owner."""
    return OwnNumbers() if path is None else SharedFile(path)
