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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rl_rewards.tables.regular_file import open_regular
from rl_rewards.tables.scored_directory import is_scored_directory, parts_of
from rl_rewards.tables.table_error import TableError
from rl_rewards.types.contents import is_vertex_row, row_of_example
from rl_rewards.types.rows import RowError

__all__ = [
    "READABLE",
    "Row",
    "TableError",
    "as_prompt_row",
    "csv_rows",
    "is_json_list",
    "json_rows",
    "jsonl_row",
    "parquet_batch_rows",
    "parquet_columns",
    "parquet_file",
    "parquet_row_size",
    "parquet_values",
    "read_rows",
    "table_kind",
    "table_size",
]

READABLE = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
# Parquet is decoded this many bytes at a time, or one row where rows are larger.
_PARQUET_BYTES = 4 << 20


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
    """The rows of a file, or of a directory that `rl-rewards score --out DIR` wrote, in order; empty lines are passed over.

    Raises:
        OSError: when the file cannot be read.
        TableError: when its name or its content is none that we know.
    """
    if is_scored_directory(path):
        yield from _parquet_rows(parts_of(path))
        return
    kind = table_kind(path)
    with open_regular(path) as file:
        if kind == ".parquet":
            rows = _parquet_rows([path])
        elif kind == ".csv":
            rows = csv_rows(file)
        elif kind == ".json" and is_json_list(file):
            rows = json_rows(file, path)
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
    if is_scored_directory(path):
        return sum(map(table_size, parts_of(path)))
    if table_kind(path) == ".parquet":
        metadata = parquet_file(path).metadata
        return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return os.path.getsize(path)


def table_kind(path: str | os.PathLike[str]) -> str:
    """The ending of a data file's name, in small letters.

    Raises:
        TableError: when it is none that we read.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in READABLE:
        raise TableError(f"{os.fspath(path)}: the name of a data file ends in {', '.join(READABLE)}, found {suffix or 'no ending'!r}")
    return suffix


def _jsonl_rows(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if (row := jsonl_row(line, number)) is not None:
            yield row


def jsonl_row(line: bytes, number: int) -> Row | None:
    """The row of a line; None for an empty one.

    Args:
        number: the line's number in its file, from 1.
    """
    size = len(line)
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    if not line.strip():
        return None
    try:
        values = _decode(line)
    except ValueError as error:
        return Row(number, size, None, str(error))
    return _object_row(number, size, values)


def is_json_list(file: BinaryIO) -> bool:
    """Whether a `.json` file is one list, and not an object a line."""
    start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start.startswith(b"[")


def json_rows(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a file that is one list.

    Raises:
        TableError: when it is no JSON.
    """
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
        return _DECODER.decode(content.decode("utf-8"))
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


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def csv_rows(lines: Iterable[bytes], header: list[str] | None = None, before: int = 0) -> Iterator[Row]:
    """The rows of lines of a CSV file.

    Args:
        lines: the file's, or a part of them that begins and ends with rows.
        header: the columns' names; None where the first line has them.
        before: how many lines of the file come before these.

    Raises:
        TableError: when the first line names no columns, or one twice.
    """
    csv.field_size_limit(sys.maxsize)  # the module's own limit of 128 kB is less than a long completion
    read = 0

    def decoded() -> Iterator[str]:
        nonlocal read
        for line in lines:
            read += len(line)
            yield line.decode("utf-8-sig" if read == len(line) and header is None else "utf-8", "surrogateescape")

    reader = csv.reader(decoded(), strict=True)
    counted = 0
    while True:
        problem, cells = None, []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not CSV: {error}"
        size, counted = read - counted, read
        if problem is None and not cells:
            continue
        if header is None:
            header = cells
            if problem is None and _has_other_bytes(header):
                problem = "bytes that are not UTF-8"
            if problem or len(set(header)) < len(header):
                raise TableError(f"the first line of a CSV file names its columns, each once, found {problem or header}")
            continue
        if problem is None and len(cells) != len(header):
            problem = f"{len(cells)} cells where the header has {len(header)}"
        if problem is None and _has_other_bytes(cells):
            problem = "not UTF-8"
        number = before + reader.line_num
        yield Row(number, size, None, problem) if problem else Row(number, size, dict(zip(header, cells)))


def _has_other_bytes(cells: list[str]) -> bool:
    """Whether cells were decoded from bytes that are not UTF-8."""
    return any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell)


def parquet_file(path: str | os.PathLike[str]) -> Any:
    """A Parquet file, opened.

    Raises:
        TableError: when it is none.
    """
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
    return list(parquet_file(path).schema_arrow.names)


def _parquet_rows(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Row]:
    number = 0
    for path in paths:
        for values, size in _parquet_values_of(path, number):
            number += 1
            yield Row(number, size, values)


def _parquet_values_of(path: str | os.PathLike[str], before: int) -> Iterator[tuple[dict[str, Any], int]]:
    import pyarrow

    file = parquet_file(path)
    size = parquet_row_size(file)
    done = before
    try:
        for batch in file.iter_batches(batch_size=parquet_batch_rows(size)):
            for values in parquet_values(batch):
                done += 1
                yield values, size
    except (pyarrow.ArrowException, OSError) as error:  # pyarrow raises OSError for pages that are damaged
        raise TableError(f"{os.fspath(path)}: not readable after row {done}: {error}") from None


def parquet_row_size(file: Any) -> int:
    """The mean size of an opened file's rows, in bytes, at least 1."""
    metadata = file.metadata
    return max(sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)) // max(metadata.num_rows, 1), 1)


def parquet_batch_rows(row_size: int) -> int:
    """How many rows of that size are decoded at a time."""
    return max(1, min(1024, _PARQUET_BYTES // row_size))


def parquet_values(batch: Any) -> list[dict[str, Any]]:
    """The rows of a record batch, with columns of JSON decoded."""
    encoded = [field.name for field in batch.schema if str(field.type).startswith("extension<arrow.json>")]
    rows = batch.to_pylist(maps_as_pydicts="lossy")
    for values in rows if encoded else ():
        values.update({name: json.loads(values[name]) for name in encoded if values[name] is not None})
    return rows
