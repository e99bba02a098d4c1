"""Replies that were paid for once."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_rewards.runtime.calling.numbers import failures_named, open_database

__all__ = ["ReplyCache", "digest"]

_IN_MEMORY = 20_000  # replies


def digest(request: Mapping[str, Any]) -> str:
    """SHA-256 of a request as canonical JSON: model, messages and sampling settings."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()


class ReplyCache:
    """Replies by the digest of their request: the latest ones in memory, and with a file all of them, for every process and later runs.

    Args:
        path: an SQLite file, made where it is not there.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._recent: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """The reply under a key; None where there is none."""
        with self._lock:
            if (found := self._recent.get(key)) is not None:
                self._recent.move_to_end(key)
            elif self._path is not None:
                with failures_named(self._path):
                    row = self._connected(self._path).execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
                found = None if row is None else json.loads(row[0])
                if found is not None:
                    self._remember(key, found)
            return found

    def put(self, key: str, reply: dict[str, Any]) -> None:
        """Keep a reply, of JSON's types."""
        with self._lock:
            self._remember(key, reply)
            if self._path is not None:
                with failures_named(self._path):
                    self._connected(self._path).execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, json.dumps(reply)))

    def _remember(self, key: str, reply: dict[str, Any]) -> None:
        self._recent[key] = reply
        while len(self._recent) > _IN_MEMORY:
            self._recent.popitem(last=False)

    def _connected(self, path: Path) -> sqlite3.Connection:
        if self._connection is None or self._owner != os.getpid():
            self._connection = open_database(path, "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")
            self._owner = os.getpid()
        return self._connection
