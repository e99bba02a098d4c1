"""Rows of a file, one at a time: JSONL, CSV or Parquet, by the file's name.

Memory holds a row (of Parquet: a small batch), whatever the file's size. A row that cannot be read is a Row with a problem, not an
exception: the rest of the file goes on.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

READABLE = (".jsonl", ".ndjson", ".csv", ".parquet")
# Parquet is decoded this many bytes at a time, or one row where rows are larger.
_PARQUET_BYTES = 4 << 20


class TableError(ValueError):
    """A file that holds no rows that we can read, or cannot be written as wanted."""


@dataclass(slots=True)
class Row:
    """A row of a file.

    Attributes:
        number: its line (JSONL, CSV) or its place (Parquet), from 1.
        size: its share of `table_size`, in bytes.
        values: its columns; None when it could not be read.
        problem: why it could not be read.
    """

    number: int
    size: int
    values: dict[str, Any] | None
    problem: str | None = None


def read_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a file, in order; empty lines are passed over.

    Raises:
        OSError: when the file cannot be read.
        TableError: when its name or its content is none that we know.
    """
    kind = _kind(path)
    if kind == ".parquet":
        yield from _parquet_rows(path)
        return
    with open(path, "rb") as file:
        yield from _csv_rows(file) if kind == ".csv" else _jsonl_rows(file)


def table_size(path: str | os.PathLike[str]) -> int:
    """The size of a file that its rows' sizes add up to, in bytes, near enough for a progress bar.

    Raises:
        OSError, TableError: as `read_rows`.
    """
    if _kind(path) == ".parquet":
        metadata = _parquet_file(path).metadata
        return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return os.path.getsize(path)


def _kind(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in READABLE:
        raise TableError(f"{os.fspath(path)}: the name of a data file ends in {', '.join(READABLE)}, found {suffix or 'no ending'!r}")
    return suffix


def _jsonl_rows(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        size = len(line)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Row(number, size, None, f"not UTF-8: {error.reason} at byte {error.start}")
        except RecursionError:
            yield Row(number, size, None, "not read: nested too deeply")
        except ValueError as error:
            yield Row(number, size, None, f"not JSON: {error}")
        else:
            if isinstance(values, dict):
                yield Row(number, size, values)
            else:
                yield Row(number, size, None, f"a row is a JSON object, found {type(values).__name__}")


def _csv_rows(file: BinaryIO) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # the module's own limit of 128 kB is less than a long completion
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for line in file:
            read += len(line)
            yield line.decode("utf-8-sig" if read == len(line) else "utf-8", "surrogateescape")

    reader = csv.reader(lines(), strict=True)
    header: list[str] | None = None
    before = 0
    while True:
        problem, cells = None, []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not CSV: {error}"
        size, before = read - before, read
        if problem is None and not cells:
            continue
        if header is None:
            header = cells
            if problem or len(set(header)) < len(header):
                raise TableError(f"the first line of a CSV file names its columns, each once, found {problem or header}")
            continue
        if problem is None and len(cells) != len(header):
            problem = f"{len(cells)} cells where the header has {len(header)}"
        if problem is None and any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
            problem = "not UTF-8"
        yield Row(reader.line_num, size, None, problem) if problem else Row(reader.line_num, size, dict(zip(header, cells)))


def _parquet_file(path: str | os.PathLike[str]) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise TableError(f"{os.fspath(path)}: not Parquet: {error}") from None


def _parquet_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    import pyarrow

    file = _parquet_file(path)
    row_size = max(table_size(path) // max(file.metadata.num_rows, 1), 1)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=max(1, min(1024, _PARQUET_BYTES // row_size))):
            for values in batch.to_pylist(maps_as_pydicts="lossy"):
                number += 1
                yield Row(number, row_size, values)
    except pyarrow.ArrowException as error:
        raise TableError(f"{os.fspath(path)}: not readable after row {number}: {error}") from None
