"""Scored rows -> a file: JSONL or Parquet, by the file's name.

Half a surrogate pair, which JSON can spell and no reader of tables takes, becomes U+FFFD.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from rl_rewards.tables.readers import Row, TableError, read_rows
from rl_rewards.tables.scored import ADDED, added_fields
from rl_rewards.tables.strict_json import strict_json

__all__ = ["LinesFile", "TableFile", "Writer", "learnt_schema", "lines_of", "open_writer", "scored_schema", "table_bytes", "widest", "writable_kind"]

WRITABLE = (".jsonl", ".ndjson", ".parquet")
# Rows of which the types are learnt at a time, when a file without a schema becomes Parquet.
_LEARN_ROWS = 1024
# Batches are gathered into row groups of this size before compression: readers suffer from many small ones.
_ROW_GROUP_BYTES = 32 << 20


class Writer(Protocol):
    """Takes scored rows; `close` ends the file."""

    def write(self, rows: list[dict[str, Any]]) -> None: ...

    def close(self) -> None: ...


def writable_kind(path: str | os.PathLike[str]) -> str:
    """How a file is written: the ending of its name.

    Raises:
        TableError: when it is none that we write.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE:
        raise TableError(f"{os.fspath(path)}: the name of the scored file ends in {', '.join(WRITABLE)}, found {suffix or 'no ending'!r}")
    return suffix


def open_writer(kind: str, path: Path, data: str | os.PathLike[str], reward_names: list[str]) -> Writer:
    """A writer to `path` of the scored rows of `data`.

    Raises:
        TableError: when a column of `data` holds values of types that no column of Parquet can hold together.
    """
    if kind == ".parquet":
        return _ParquetWriter(path, data, reward_names)
    return _JsonlWriter(path)


class _JsonlWriter:
    def __init__(self, path: Path) -> None:
        self._file = LinesFile(path)
        self.close = self._file.close

    def write(self, rows: list[dict[str, Any]]) -> None:
        self._file.append(lines_of(rows))


class _ParquetWriter:
    def __init__(self, path: Path, data: str | os.PathLike[str], reward_names: list[str]) -> None:
        self._file = TableFile(path, scored_schema(_schema_of(data), reward_names))
        self.close = self._file.close

    def write(self, rows: list[dict[str, Any]]) -> None:
        self._file.append(table_bytes(rows, self._file.schema))


def lines_of(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as lines of JSON."""
    return b"".join(map(_line, rows))


def _line(row: dict[str, Any]) -> bytes:
    try:
        return strict_json(row).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return strict_json(_valid_text(row)).encode("utf-8") + b"\n"


def table_bytes(rows: list[dict[str, Any]], schema: Any) -> bytes:
    """Rows as a stream of Arrow's."""
    import pyarrow as pa

    try:
        table = pa.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        table = pa.Table.from_pylist(_valid_text(rows), schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


class LinesFile:
    """A file that lines are appended to."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb")
        self.append = self._file.write
        self.close = self._file.close


class TableFile:
    """A Parquet file that rows of `table_bytes` are appended to.

    Attributes:
        schema: its columns.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        self.schema = schema
        self._writer = pq.ParquetWriter(path, schema)
        self._parts: list[bytes] = []

    def append(self, part: bytes) -> None:
        self._parts.append(part)
        if sum(map(len, self._parts)) >= _ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._parts:
            tables = [pa.ipc.open_stream(part).read_all() for part in self._parts]
            self._parts = []
            self._writer.write_table(pa.concat_tables(tables))


def scored_schema(columns: Iterable[Any], reward_names: list[str]) -> Any:
    """The schema of scored rows.

    Args:
        columns: the data's columns, as pyarrow fields.

    Raises:
        TableError: when a column has a type that Parquet lacks.
    """
    import pyarrow as pa

    columns = list(columns)
    if empty := [field.name for field in columns if _holds_no_field(field.type)]:
        raise TableError(f"column {empty[0]!r} cannot become Parquet: it holds objects without a field, {{}}, in every row; leave it out")
    # Without metadata: what pandas or datasets wrote there about the columns would not be true of the new ones.
    return pa.schema([*(field for field in columns if field.name not in ADDED), *added_fields(reward_names)])


def _holds_no_field(kind: Any) -> bool:
    """Whether objects without a field are somewhere in a type of Arrow's."""
    import pyarrow as pa

    if pa.types.is_struct(kind) and kind.num_fields == 0:
        return True
    return any(_holds_no_field(kind.field(place).type) for place in range(kind.num_fields))


def _schema_of(data: str | os.PathLike[str]) -> Iterable[Any]:
    """The types of a file's columns: as Parquet declares them, else learnt from all rows, in a pass of its own that keeps none."""
    import pyarrow.parquet as pq

    if Path(data).suffix.lower() == ".parquet":
        return pq.read_schema(data)
    return widest([learnt_schema(read_rows(data), data)], data)


def learnt_schema(rows: Iterable[Row], data: str | os.PathLike[str]) -> Any:
    """The columns of rows, with types that hold all their values.

    Raises:
        TableError: when there are none.
    """
    import pyarrow as pa

    schema, known = pa.schema([]), []
    with _one_type_a_column(data):
        for row in rows:
            if row.values is not None:
                known.append(row.values)
            if len(known) == _LEARN_ROWS:
                schema, known = _widened(schema, known), []
        return _widened(schema, known) if known else schema


def widest(schemas: Iterable[Any], data: str | os.PathLike[str]) -> Any:
    """The columns of several schemas, with types that hold the values of each.

    Raises:
        TableError: when there are none.
    """
    import pyarrow as pa

    with _one_type_a_column(data):
        return pa.unify_schemas([pa.schema([]), *schemas], promote_options="permissive")


@contextlib.contextmanager
def _one_type_a_column(data: str | os.PathLike[str]) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OverflowError) as error:
        raise TableError(f"{os.fspath(data)}: cannot become Parquet, which has one type a column: {error}; write .jsonl instead") from None


def _widened(schema: Any, rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    try:
        here = pa.array(rows).type
    except UnicodeEncodeError:
        here = pa.array(_valid_text(rows)).type
    return pa.unify_schemas([schema, pa.schema(list(here))], promote_options="permissive")


def _valid_text(value: Any) -> Any:
    """`value` with surrogate pairs joined, and halves of them replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_valid_text(key): _valid_text(item) for key, item in value.items()}
    return [_valid_text(item) for item in value] if isinstance(value, list) else value
