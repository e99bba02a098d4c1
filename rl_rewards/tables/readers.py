"""Rows of a file, one at a time: JSONL, JSON, CSV or Parquet, by the file's name.

Lines of a Vertex AI data set (`contents`, `systemInstruction`, `references`, `tools`) are read as rows with a `prompt` and a column for each reference.

This is the one reader of data files, for the command line and for training alike. Values are what is written: a CSV cell is text (`007`,
`1.50`, `1e5`, `N/A` and an empty cell, too), a JSON value is itself (`12` beside `0.5`, integers of any length, dates as text).

Memory holds a row (of Parquet: a small batch), whatever the file's size; a `.json` file that is one list is held whole. A row that cannot be
read is a Row with a problem, not an exception: the rest of the file goes on.
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

from rl_rewards.tables.regular_file import open_regular
from rl_rewards.types.contents import is_vertex_row, row_of_example
from rl_rewards.types.rows import RowError
from rl_rewards.user_errors import UserError

__all__ = ["READABLE", "Row", "TableError", "as_prompt_row", "parquet_columns", "read_rows", "table_size"]

READABLE = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
# Parquet is decoded this many bytes at a time, or one row where rows are larger.
_PARQUET_BYTES = 4 << 20


class TableError(UserError, ValueError):
    """A file that holds no rows that we can read, or cannot be written as wanted."""


@dataclass(slots=True)
class Row:
    """A row of a file.

    Attributes:
        number: its line (JSONL, CSV) or its place (Parquet, a list in JSON), from 1.
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
    with open_regular(path) as file:
        if kind == ".parquet":
            rows = _parquet_rows(path)
        elif kind == ".csv":
            rows = _csv_rows(file)
        elif kind == ".json" and _is_list(file):
            rows = _json_rows(file, path)
        else:
            rows = _jsonl_rows(file)
        yield from map(as_prompt_row, rows)


def as_prompt_row(row: Row) -> Row:
    """A row as it is; a line of a Vertex AI data set with a prompt and columns of its own, or with its problem."""
    if row.values is not None and is_vertex_row(row.values):
        try:
            row.values = row_of_example(row.values)
        except RowError as error:
            row.values, row.problem = None, str(error)
    return row


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
            values = _decode(line)
        except ValueError as error:
            yield Row(number, size, None, str(error))
        else:
            yield _object_row(number, size, values)


def _is_list(file: BinaryIO) -> bool:
    """Whether a `.json` file is one list, and not an object a line."""
    start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start.startswith(b"[")


def _json_rows(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[Row]:
    content = file.read()
    try:
        rows = _decode(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise TableError(f"{os.fspath(path)}: {error}") from None
    size = len(content) // max(len(rows), 1)
    for number, values in enumerate(rows, 1):
        yield _object_row(number, size, values)


def _object_row(number: int, size: int, values: Any) -> Row:
    if isinstance(values, dict):
        return Row(number, size, values)
    return Row(number, size, None, f"a row must be a JSON object, got {type(values).__name__}")


def _decode(content: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: when it is none, is nested too deeply, or has an object with one key twice: other readers take the first, or the last.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ValueError("not read: nested too deeply") from None
    except _TwiceError:
        raise
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None


class _TwiceError(ValueError):
    """One key is given twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise _TwiceError(f"an object must have each key once, got {', '.join(map(repr, twice))} more than once")
    return values


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


def parquet_columns(path: str | os.PathLike[str]) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        TableError: when it is none.
    """
    return list(_parquet_file(path).schema_arrow.names)


def _parquet_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    import pyarrow

    file = _parquet_file(path)
    row_size = max(table_size(path) // max(file.metadata.num_rows, 1), 1)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=max(1, min(1024, _PARQUET_BYTES // row_size))):
            encoded = [field.name for field in batch.schema if str(field.type).startswith("extension<arrow.json>")]
            for values in batch.to_pylist(maps_as_pydicts="lossy"):
                values.update({name: json.loads(values[name]) for name in encoded if values[name] is not None})
                number += 1
                yield Row(number, row_size, values)
    except pyarrow.ArrowException as error:
        raise TableError(f"{os.fspath(path)}: not readable after row {number}: {error}") from None
