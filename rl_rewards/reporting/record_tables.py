"""The tables of a record: `rewards.parquet`, or while the run goes on its parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rl_rewards.recording.parts import parts_in
from rl_rewards.recording.reader import RunRecord, read_record
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.run import TextRow

__all__ = ["NUMBERS", "TEXTS", "RecordTables", "RecordTexts", "record_of"]

TEXTS = ("mode", "prompt_id", "reward", "outcome")
_SIZED = ("completion", "parsed", "reason")
NUMBERS = (
    "step",
    "rank",
    "group",
    "index",
    "tokens",
    "scorable",
    "advantage",
    "raw",
    "gate",
    "score",
    "weight",
    "failed",
    "components",
    "seconds",
    "row_seconds",
)
_COLUMNS = [*TEXTS, *_SIZED, *NUMBERS]
_SHOWN = ("prompt", "completion", "reasoning", "references", "reward", "parsed", "reason")
_DICTIONARIES = [*TEXTS, *_SIZED, "prompt", "reasoning", "references"]


class RecordTables:
    """The tables of a record, one row group or batch at a time, always in the same order.

    Args:
        record: a finished record, or None.
        parts: the directory of an unfinished one's parts.
    """

    def __init__(self, record: RunRecord | None, parts: Path | None, path: Path) -> None:
        self.record, self._parts, self.path = record, parts, path

    def __call__(self, columns: Sequence[str] = _COLUMNS) -> Iterator[pa.Table]:
        if self.record is not None:
            with pq.ParquetFile(self.record.path, read_dictionary=_DICTIONARIES) as file:
                here = set(file.schema_arrow.names)
                for i in range(file.num_row_groups):
                    yield file.read_row_group(i, columns=[name for name in columns if name in here])
        elif self._parts is not None:
            for part in parts_in(self._parts):
                for batch in part.batches():
                    yield pa.table({name: batch.column(name) for name in columns})


def record_of(path: Path) -> RecordTables | None:
    """The record at a path, or in a directory: what is newer of `rewards.parquet` and the parts; None where there is none.

    Raises:
        ReportError: when it is one that this version cannot read.
    """
    if path.is_file():
        return RecordTables(_checked(path), None, path) if _is_record(path) else None
    merged = next((file for file in (path / "rewards.parquet", path / "_rewards" / "rewards.parquet") if file.is_file()), None)
    parts = path / "_rewards.parts"
    newest = max((part.path.stat().st_mtime_ns for part in parts_in(parts)), default=None)
    if merged is not None and (newest is None or os.stat(merged).st_mtime_ns >= newest):
        return RecordTables(_checked(merged), None, path)
    return None if newest is None else RecordTables(None, parts, path)


def _is_record(path: Path) -> bool:
    if path.suffix.lower() != ".parquet":
        return False
    try:
        return path.name == "rewards.parquet" or b"rl_rewards.schema_version" in (pq.read_metadata(path).metadata or {})
    except pa.ArrowException as error:
        raise ReportError(f"{path}: must be a Parquet file: {error}") from None


def _checked(path: Path) -> RunRecord:
    try:
        return read_record(path)
    except (ValueError, pa.ArrowException) as error:
        raise ReportError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


class RecordTexts:
    """Reads the texts of completions, one row group in memory at a time."""

    def __init__(self, tables: RecordTables, rows: np.ndarray, rewards: list[str]) -> None:
        self._tables, self._rows, self._rewards = tables, rows, rewards

    def __call__(self, wanted: np.ndarray) -> dict[int, TextRow]:
        places, rewards = np.nonzero(self._rows[wanted] >= 0)
        rows, owners = self._rows[wanted][places, rewards], wanted[places]
        order = np.argsort(rows)
        rows, owners = rows[order], owners[order]
        found: dict[int, TextRow] = {}
        start = 0
        for table in self._tables(_SHOWN):
            low, high = np.searchsorted(rows, [start, start + table.num_rows])
            if low < high:
                here = table.take(pa.array(rows[low:high] - start)).to_pylist()
                for owner, row in zip(owners[low:high].tolist(), here, strict=True):
                    made = found.get(owner)
                    if made is None:
                        made = found[owner] = TextRow(row["prompt"], row["completion"], row["reasoning"], row["references"], {}, {})
                    made.parsed[row["reward"]], made.reasons[row["reward"]] = row["parsed"], row["reason"]
            start += table.num_rows
        return found
