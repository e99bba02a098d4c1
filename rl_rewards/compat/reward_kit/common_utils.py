"""Reward Kit's `load_jsonl`."""

from __future__ import annotations

import os
from typing import Any

from rl_rewards.tables.readers import TableError, read_rows

__all__ = ["load_jsonl"]


def load_jsonl(file_path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The objects of a JSONL file, a line each; empty lines are passed over.

    Raises:
        OSError: when the file cannot be read. Reward Kit returns an empty list.
        TableError: for a line that is no JSON object, with its number. Reward Kit leaves the line out.
    """
    rows: list[dict[str, Any]] = []
    for row in read_rows(file_path):
        if row.values is None:
            raise TableError(f"{os.fspath(file_path)}, line {row.number}: {row.problem}")
        rows.append(row.values)
    return rows
