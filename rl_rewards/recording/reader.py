"""Reads a record: its rows, and what the run was made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rl_rewards.recording.rows import SCHEMA, SCHEMA_VERSION
from rl_rewards.tables.scored_directory import is_scored_directory
from rl_rewards.user_errors import UserError

__all__ = ["RecordError", "RunRecord", "read_record"]


class RecordError(UserError, ValueError):
    """What was given as the record of a run is none, or none that this version reads."""


@dataclass(frozen=True)
class RunRecord:
    """The record of a run: one row per completion per reward.

    Attributes:
        path: the Parquet file.
        rubric: the rubric's file as text.
        config: the trainer's configuration.
        versions: package -> version of what ran it.
        rows: how many rows it has.
    """

    path: Path
    rubric: str
    config: dict[str, Any]
    versions: dict[str, str]
    rows: int

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, or some columns of them. A column that an earlier version did not record is null."""
        there = pq.read_schema(self.path).names
        wanted = _wanted(columns, there)
        return _completed(pq.read_table(self.path, columns=[name for name in wanted if name in there]), self.rows, wanted)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows a row group at a time; all rewards of a completion are in one."""
        with pq.ParquetFile(self.path) as file:
            there = file.schema_arrow.names
            wanted = _wanted(columns, there)
            for i in range(file.num_row_groups):
                rows = file.read_row_group(i, columns=[name for name in wanted if name in there])
                yield _completed(rows, file.metadata.row_group(i).num_rows, wanted)

    def _repr_html_(self) -> str:
        from rl_rewards.recording.notebook import record_html  # only a notebook asks

        return record_html(self.path, self.rows, self.rubric, self.config, self.versions)


def read_record(run: str | os.PathLike[str]) -> RunRecord:
    """The record of a run, by its output directory or its `rewards.parquet`, or of a directory that `rl-rewards score --out DIR` wrote.

    Raises:
        FileNotFoundError: when there is none.
        RecordError: when a later version of the library wrote it, or it is no record.

    Example:
        scores = read_record("runs/arithmetic").table(["step", "reward", "score"]).to_pandas()
        scores.groupby(["reward", "step"]).score.mean()
    """
    path = Path(run)
    if is_scored_directory(path):
        from rl_rewards.recording.scored_record import read_scored_record  # which is a RunRecord

        return read_scored_record(path)
    if path.is_dir():
        path = next(
            (place for place in (path / "rewards.parquet", path / "_rewards" / "rewards.parquet") if place.is_file()), path / "rewards.parquet"
        )
    try:
        with open(path, "rb") as source, pq.ParquetFile(source) as file:  # opened by Python, whose errors name the file
            held = {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}
            rows = file.metadata.num_rows
    except pa.ArrowInvalid as error:
        raise RecordError(f"{path} must be the record of a run, and is no Parquet file: {error}") from None
    version = held.get("rl_rewards.schema_version")
    if version is None:
        raise RecordError(f"{path} must be the record of a run, and has no rl_rewards.schema_version")
    if int(version) > SCHEMA_VERSION:
        raise RecordError(f"{path} is a record of schema version {version}, and this rl_rewards reads up to {SCHEMA_VERSION}: install a later one")
    config, versions = (json.loads(held.get(f"rl_rewards.{name}", "{}")) for name in ("config", "versions"))
    return RunRecord(path, held.get("rl_rewards.rubric", ""), config, versions, rows)


def _wanted(columns: Sequence[str] | None, there: Sequence[str]) -> list[str]:
    return [*there, *(name for name in SCHEMA.names if name not in there)] if columns is None else list(columns)


def _completed(rows: pa.Table, count: int, wanted: Sequence[str]) -> pa.Table:
    """Rows with the columns that an earlier version did not record, of nulls."""
    there = set(rows.column_names)
    return pa.table({name: rows[name] if name in there else pa.nulls(count, SCHEMA.field(name).type) for name in wanted})
