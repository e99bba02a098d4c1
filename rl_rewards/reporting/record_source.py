"""A recorder's record -> a Run: `rewards.parquet`, or while the run goes on its parts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from rl_rewards.recording.parts import parts_in
from rl_rewards.recording.reader import RunRecord, read_record
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.run import OUTCOMES, Run, TextRow
from rl_rewards.reporting.trainer_log import trainer_log

pc: Any = pyarrow.compute  # its types know none of its functions

__all__ = ["RecordBuilder", "RecordTables", "read_recorded", "record_of"]

_TEXTS = ("mode", "prompt_id", "reward", "outcome")
_SIZED = ("completion", "parsed", "reason")
_NUMBERS = ("step", "rank", "group", "index", "tokens", "scorable", "advantage", "raw", "gate", "score", "weight", "failed", "components", "seconds")
_COLUMNS = [*_TEXTS, *_SIZED, *_NUMBERS]
_SHOWN = ("prompt", "completion", "reasoning", "references", "reward", "parsed", "reason")
_DICTIONARIES = [*_TEXTS, *_SIZED, "prompt", "reasoning", "references"]


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


def read_recorded(tables: RecordTables, path: Path, name: str) -> Run:
    """Read a record, one row group in memory at a time.

    Args:
        path: what the user named: the run's directory or its file.
    """
    builder = RecordBuilder()
    for table in tables():
        builder.add(table)
    run = builder.build(name, tables)
    directory = path if path.is_dir() else path.parent
    kept = next((file for file in (directory / "rubric.yaml", directory / "_rewards" / "rubric.yaml") if file.is_file()), directory / "rubric.yaml")
    if tables.record is not None:
        run.rubric, run.config, run.versions = tables.record.rubric, tables.record.config, tables.record.versions
    elif kept.is_file():
        run.rubric = kept.read_text(encoding="utf-8", errors="replace")
    run.logged = trainer_log(directory)
    return run


class RecordBuilder:
    """Gathers the rows of a record, one for each completion and reward, into arrays over completions; `build` may be called again after more rows.

    Rows of one completion are expected in one table, as the recorder writes them.
    """

    def __init__(self) -> None:
        self._codes: dict[str, dict[str | None, int]] = {name: {} for name in _TEXTS}
        self._weights: dict[int, float] = {}
        self._chunks: list[dict[str, np.ndarray]] = []
        self._components: dict[tuple[int, str], list[tuple[np.ndarray, np.ndarray]]] = {}
        self._rows = self._completions = 0

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return self._rows

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        if not table.num_rows:
            return
        codes = {name: self._coded(name, table[name]) for name in _TEXTS}
        numbers = {name: _numbers(table, name) for name in _NUMBERS if name != "components"}
        owner, first = _completions(codes, numbers)
        count, rewards = len(first), len(self._codes["reward"])
        column = codes["reward"]
        for code in np.unique(column):
            self._weights[int(code)] = float(numbers["weight"][np.flatnonzero(column == code)[-1]])

        def spread(values: np.ndarray, empty: float, kind: Any = np.float64) -> np.ndarray:
            grid = np.full((count, rewards), empty, kind)
            grid[owner, column] = values
            return grid

        sizes = sum((np.bincount(owner, _lengths(table[name], pc.binary_length), count) for name in ("parsed", "reason")), np.zeros(count))
        outcome_codes = np.array([OUTCOMES.index(name) if name in OUTCOMES else -1 for name in self._codes["outcome"]], np.int8)
        chunk = {name: numbers[name][first] for name in ("step", "rank", "group", "index", "tokens", "scorable", "advantage")}
        chunk |= {
            "training": codes["mode"][first] == self._codes["mode"].get("train", -2),
            "prompt": codes["prompt_id"][first],
            "characters": _lengths(table["completion"], pc.utf8_length if np.isfinite(numbers["tokens"]).any() else _said)[first],
            "text": _hashes(table["completion"])[first],
            "text_size": sizes + _lengths(table["completion"], pc.binary_length)[first],
            "row": spread(np.arange(self._rows, self._rows + table.num_rows), -1, np.int64),
            "scores": spread(numbers["score"], np.nan),
            "raw": spread(numbers["raw"], np.nan),
            "failed": spread(numbers["failed"] == 1, False, np.bool_),
            "gate": spread(np.nan_to_num(numbers["gate"], nan=-1), -1, np.int8),
            "outcomes": spread(outcome_codes[codes["outcome"]], -1, np.int8),
            "seconds": spread(numbers["seconds"], np.nan, np.float32),
        }
        weighted = np.where((numbers["scorable"] == 1) & (numbers["weight"] != 0), numbers["weight"] * numbers["score"], np.nan)
        sums, there = np.bincount(owner, np.nan_to_num(weighted), count), np.bincount(owner, np.isfinite(weighted), count)
        chunk["total"] = np.where(there > 0, sums, np.nan)
        self._chunks.append(chunk)
        self._add_components(table["components"], owner, column)
        self._rows += table.num_rows
        self._completions += count

    def _coded(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        """A text column as numbers, the same for equal texts of all tables; -1 where there is none."""
        known, found = self._codes[name], []
        for chunk in pc.dictionary_encode(column).chunks if not pa.types.is_dictionary(column.type) else column.chunks:
            numbers = np.array([known.setdefault(text, len(known)) for text in chunk.dictionary.to_pylist()] + [-1], np.int32)
            found.append(numbers[np.asarray(pc.fill_null(chunk.indices, len(numbers) - 1))])
        return np.concatenate(found)

    def _add_components(self, column: pa.ChunkedArray, owner: np.ndarray, rewards: np.ndarray) -> None:
        components = column.combine_chunks()
        if isinstance(components, pa.ChunkedArray):
            components = components.chunk(0)
        flat = components.flatten()
        if not len(flat):
            return
        parents = np.asarray(pc.list_parent_indices(components))
        names, scores = pc.dictionary_encode(flat.field("name")), _floats(flat.field("score"))
        keys = rewards[parents].astype(np.int64) * len(names.dictionary) + np.asarray(names.indices)
        for key in np.unique(keys):
            here = keys == key
            reward, component = divmod(int(key), len(names.dictionary))
            places = owner[parents[here]] + self._completions
            self._components.setdefault((reward, names.dictionary[component].as_py()), []).append((places, scores[here]))

    def build(self, name: str, tables: RecordTables) -> Run:
        """The run of all rows so far."""
        rewards = [str(reward) for reward in self._codes["reward"]]
        whole: dict[str, Any] = {
            key: _stacked([chunk[key] for chunk in self._chunks], len(rewards)) for key in (self._chunks[0] if self._chunks else ())
        }
        if not whole:
            raise ReportError(f"{tables.path}: the record holds no rows")
        rows = whole.pop("row")
        for key in ("step", "rank", "index"):
            whole[key] = np.nan_to_num(whole[key], nan=-1).astype(np.int64)
        whole["scorable"] = whole["scorable"] != 0
        components = {}
        for (reward, component), found in self._components.items():
            values = np.full(self._completions, np.nan)
            for places, scores in found:
                values[places] = scores
            components[rewards[reward], component] = values
        where = np.stack([whole["step"], whole["rank"], whole["training"]], axis=1)
        group = whole.pop("group")
        whole["group"] = np.where(np.isfinite(group), _numbered(np.column_stack([where, np.nan_to_num(group, nan=-1)])), -1)
        return Run(
            name,
            tables.path,
            True,
            tables.record is not None,
            tuple(rewards),
            np.array([self._weights.get(i, np.nan) for i in range(len(rewards))]),
            prompt_ids=[str(text) for text in self._codes["prompt_id"]],
            batch=_runs_of(np.column_stack([where, whole["seconds"]])),
            components=components,
            texts_of=_Texts(tables, rows, rewards),
            **whole,
        )


class _Texts:
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


def _completions(codes: dict[str, np.ndarray], numbers: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """For each row its completion's number, and for each completion its first row."""
    keys = np.column_stack([codes["mode"], *(np.nan_to_num(numbers[name], nan=-1) for name in ("step", "rank", "index"))])
    owner = _runs_of(keys)
    rewards = int(codes["reward"].max()) + 1
    cells = owner * rewards + codes["reward"]
    if len(np.unique(cells)) < len(cells):  # neighbours of one name are several completions: the reward that began one begins the next
        starts = np.r_[0, np.flatnonzero(np.diff(owner)) + 1]
        owner = np.cumsum(codes["reward"] == codes["reward"][starts][owner]) - 1
    return owner, np.r_[0, np.flatnonzero(np.diff(owner)) + 1]


def _runs_of(keys: np.ndarray) -> np.ndarray:
    """Numbers from 0 that rise where a row differs from the one before it; NaN is equal to NaN."""
    before, after = keys[:-1], keys[1:]
    changed = ((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=1)
    return np.r_[0, np.cumsum(changed)]


def _numbered(keys: np.ndarray) -> np.ndarray:
    """Equal rows get equal numbers, from 0."""
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return _floats(table[name])


def _floats(column: Any) -> np.ndarray:
    """A column of numbers or truth values as floats, NaN where null."""
    kind = pa.float64() if not pa.types.is_boolean(column.type) else pa.int8()
    values = pc.cast(pc.cast(column, kind), pa.float64())
    return values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy()


def _lengths(column: pa.ChunkedArray, measure: Any) -> np.ndarray:
    """A length of each text, 0 where there is none; each distinct text is measured once."""
    found = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            sizes = np.append(np.asarray(pc.fill_null(measure(chunk.dictionary), 0), float), 0.0)
            found.append(sizes[np.asarray(pc.fill_null(chunk.indices, len(sizes) - 1))])
        else:
            found.append(np.asarray(pc.fill_null(measure(chunk), 0), float))
    return np.concatenate(found)


def _hashes(column: pa.ChunkedArray) -> np.ndarray:
    """A hash of each text, 0 where there is none; each distinct text is hashed once."""
    found = []
    for chunk in pc.dictionary_encode(column).chunks if not pa.types.is_dictionary(column.type) else column.chunks:
        hashes = np.array([hash(text) for text in chunk.dictionary.to_pylist()] + [0], np.int64)
        found.append(hashes[np.asarray(pc.fill_null(chunk.indices, len(hashes) - 1))])
    return np.concatenate(found)


def _said(texts: pa.Array) -> pa.Array:
    """Characters of each completion; of messages those of their contents."""
    return pa.array([None if text is None else _characters(text) for text in texts.to_pylist()], pa.int64())


def _characters(text: str) -> int:
    if text.startswith("[{"):
        try:
            return sum(len(content) for message in json.loads(text) if isinstance(content := message.get("content"), str))
        except (ValueError, AttributeError, RecursionError):  # a text that looks like messages
            pass
    return len(text)


def _stacked(chunks: list[np.ndarray], rewards: int) -> np.ndarray:
    """Chunks in a row; those of (n, r) get columns for the rewards that came later."""
    if chunks[0].ndim == 1:
        return np.concatenate(chunks)
    kind = chunks[0].dtype
    empty: Any = np.nan if kind.kind == "f" else False if kind.kind == "b" else -1
    return np.concatenate([np.pad(chunk, ((0, 0), (0, rewards - chunk.shape[1])), constant_values=empty) for chunk in chunks])
