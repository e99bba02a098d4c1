"""Scored rows -> a file: JSONL or Parquet, by the file's name.

Half a surrogate pair, which JSON can spell and no reader of tables takes, becomes U+FFFD.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from rl_rewards.tables.readers import TableError, read_rows
from rl_rewards.tables.scored import ADDED, added_fields
from rl_rewards.tables.strict_json import strict_json

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
        self._file = open(path, "wb")

    def write(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            try:
                line = strict_json(row).encode("utf-8")
            except UnicodeEncodeError:
                line = strict_json(_valid_text(row)).encode("utf-8")
            self._file.write(line + b"\n")

    def close(self) -> None:
        self._file.close()


class _ParquetWriter:
    def __init__(self, path: Path, data: str | os.PathLike[str], reward_names: list[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kept = [field for field in _schema_of(data) if field.name not in ADDED]
        # Without metadata: what pandas or datasets wrote there about the columns would not be true of the new ones.
        self._schema = pa.schema([*kept, *added_fields(reward_names)])
        self._pa = pa
        self._writer = pq.ParquetWriter(path, self._schema)
        self._tables: list[Any] = []

    def write(self, rows: list[dict[str, Any]]) -> None:
        try:
            table = self._pa.Table.from_pylist(rows, schema=self._schema)
        except UnicodeEncodeError:
            table = self._pa.Table.from_pylist(_valid_text(rows), schema=self._schema)
        self._tables.append(table)
        if sum(table.nbytes for table in self._tables) >= _ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._tables:
            self._writer.write_table(self._pa.concat_tables(self._tables))
            self._tables = []


def _schema_of(data: str | os.PathLike[str]) -> Iterable[Any]:
    """The types of a file's columns: as Parquet declares them, else learnt from all rows, in a pass of its own that keeps none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if Path(data).suffix.lower() == ".parquet":
        return pq.read_schema(data)
    schema, rows = pa.schema([]), []
    try:
        for row in read_rows(data):
            if row.values is not None:
                rows.append(row.values)
            if len(rows) == _LEARN_ROWS:
                schema, rows = _widened(schema, rows), []
        return _widened(schema, rows) if rows else schema
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
