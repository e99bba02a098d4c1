"""The record while it grows: append-only Arrow streams, one per process and checkpoint, from which `rewards.parquet` is merged.

A part is named after the checkpoint that its rows come after: `after-00000100.rank-0000.0.arrow` holds what process 0 recorded after
checkpoint 100 was saved. That is all it takes to be exact after `kill -9`: a run that resumes from checkpoint N drops the parts after
N and later ones, since these steps are run again, and keeps every other, since all of their rows were written before N was saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from rl_rewards.recording.rows import SCHEMA

__all__ = ["Part", "PartWriter", "merge", "parts_in"]

_NAME = re.compile(r"after-(?P<after>\d+)\.rank-(?P<rank>\d+)\.(?P<number>\d+)\.arrow")
_ROW_GROUP_ROWS = 65_536
_ROW_GROUP_BYTES = 64 << 20


@dataclass(frozen=True, order=True)
class Part:
    """One part of a record: which checkpoint it comes after, which process wrote it, and where it is."""

    after: int
    rank: int
    number: int
    path: Path

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its batches, one at a time. A last one that a killed process left unfinished is not there: it was never part of a checkpoint."""
        with pa.OSFile(str(self.path)) as file:
            try:
                for batch in pa.ipc.open_stream(file):
                    yield batch if batch.schema == SCHEMA else _of_today(batch)
            except pa.ArrowInvalid:  # empty, or cut off within a batch
                return
            except OSError as error:
                if error.errno is not None:
                    raise
                return  # Arrow's own word for a body that is shorter than announced


def _of_today(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of an earlier version, whose run is gone on with."""
    there = set(batch.schema.names)
    columns = [batch.column(field.name) if field.name in there else pa.nulls(batch.num_rows, field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def parts_in(directory: Path) -> list[Part]:
    """The parts in a directory, in order of their checkpoints, then of their processes."""
    if not directory.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted(Part(int(match["after"]), int(match["rank"]), int(match["number"]), path) for match, path in found if match)


class PartWriter:
    """Appends batches to a new part; each is with the operating system before `write` returns, so killing the process loses none."""

    def __init__(self, directory: Path, after: int, rank: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file, self.path = _create(directory, after, rank)
        self._stream = pa.ipc.new_stream(self._file, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd"))

    @property
    def exists(self) -> bool:
        """Whether its file is still there."""
        return self.path.exists()

    def write(self, batch: pa.RecordBatch) -> None:
        self._stream.write_batch(batch)
        self._file.flush()

    def close(self) -> None:
        self._stream.close()
        self._file.close()


def _create(directory: Path, after: int, rank: int) -> tuple[BinaryIO, Path]:
    """A file of a name that no other writer has: a process may be started anew, or copied."""
    number = 0
    while True:
        path = directory / f"after-{after:08d}.rank-{rank:04d}.{number}.arrow"
        try:
            return path.open("xb"), path
        except FileExistsError:
            number += 1


def merge(directory: Path, target: Path, metadata: Mapping[str, str] | None = None) -> int:
    """Write all parts as one Parquet file, which appears whole or not at all. Holds one row group in memory at a time.

    Args:
        metadata: key-value metadata of the file.

    Returns:
        The number of rows.
    """
    rows = 0
    partial = target.with_name(f".{target.name}.partial")
    # Each text is stored once per row group, however long; without Arrow's schema in the file, readers see plain strings.
    options = {"compression": "zstd", "store_schema": False, "dictionary_pagesize_limit": 2 * _ROW_GROUP_BYTES}
    with pq.ParquetWriter(partial, SCHEMA, **options) as writer:
        if metadata:
            writer.add_key_value_metadata(metadata)
        pending: list[pa.RecordBatch] = []
        for part in parts_in(directory):
            for batch in part.batches():
                pending.append(batch)
                rows += batch.num_rows
                if sum(b.num_rows for b in pending) >= _ROW_GROUP_ROWS or sum(b.nbytes for b in pending) >= _ROW_GROUP_BYTES:
                    _write_row_group(writer, pending)
        _write_row_group(writer, pending)
    partial.replace(target)
    return rows


def _write_row_group(writer: pq.ParquetWriter, pending: list[pa.RecordBatch]) -> None:
    """Write whole batches, so that the rows of a completion are never split between row groups."""
    rows = sum(batch.num_rows for batch in pending)
    if rows:
        writer.write_table(pa.Table.from_batches(pending).unify_dictionaries(), row_group_size=rows)
    pending.clear()
