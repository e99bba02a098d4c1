"""Rows of a record -> the arrays of a Run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from rl_rewards.reporting.arrow_columns import characters_said, floats_of, hashes_of, lengths_of, numbers_of
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.record_tables import NUMBERS, TEXTS, RecordTables, RecordTexts
from rl_rewards.reporting.run import OUTCOMES, Run

pc: Any = pyarrow.compute  # its types know none of its functions

__all__ = ["RecordBuilder"]


class RecordBuilder:
    """Gathers the rows of a record, one for each completion and reward, into arrays over completions; `build` may be called again after more rows.

    Rows of one completion are expected in one table, as the recorder writes them.
    """

    def __init__(self) -> None:
        self._codes: dict[str, dict[str | None, int]] = {name: {} for name in TEXTS}
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
        codes = {name: self._coded(name, table[name]) for name in TEXTS}
        numbers = {name: numbers_of(table, name) for name in NUMBERS if name != "components"}
        owner, first = _completions(codes, numbers)
        count, rewards = len(first), len(self._codes["reward"])
        column = codes["reward"]
        for code in np.unique(column):
            self._weights[int(code)] = float(numbers["weight"][np.flatnonzero(column == code)[-1]])

        def spread(values: np.ndarray, empty: float, kind: Any = np.float64) -> np.ndarray:
            grid = np.full((count, rewards), empty, kind)
            grid[owner, column] = values
            return grid

        sizes = sum((np.bincount(owner, lengths_of(table[name], pc.binary_length), count) for name in ("parsed", "reason")), np.zeros(count))
        outcome_codes = np.array([OUTCOMES.index(name) if name in OUTCOMES else -1 for name in self._codes["outcome"]], np.int8)
        chunk = {name: numbers[name][first] for name in ("step", "rank", "group", "index", "tokens", "scorable", "advantage")}
        chunk |= {
            "training": codes["mode"][first] == self._codes["mode"].get("train", -2),
            "prompt": codes["prompt_id"][first],
            "characters": lengths_of(table["completion"], pc.utf8_length if np.isfinite(numbers["tokens"]).any() else characters_said)[first],
            "text": hashes_of(table["completion"])[first],
            "text_size": sizes + lengths_of(table["completion"], pc.binary_length)[first],
            "row": spread(np.arange(self._rows, self._rows + table.num_rows), -1, np.int64),
            "scores": spread(numbers["score"], np.nan),
            "raw": spread(numbers["raw"], np.nan),
            "failed": spread(numbers["failed"] == 1, False, np.bool_),
            "gate": spread(np.nan_to_num(numbers["gate"], nan=-1), -1, np.int8),
            "outcomes": spread(outcome_codes[codes["outcome"]], -1, np.int8),
            "seconds": spread(numbers["seconds"], np.nan),
            "row_seconds": spread(numbers["row_seconds"], np.nan),
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
        names, scores = pc.dictionary_encode(flat.field("name")), floats_of(flat.field("score"))
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
            texts_of=RecordTexts(tables, rows, rewards),
            **whole,
        )


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


def _stacked(chunks: list[np.ndarray], rewards: int) -> np.ndarray:
    """Chunks in a row; those of (n, r) get columns for the rewards that came later."""
    if chunks[0].ndim == 1:
        return np.concatenate(chunks)
    kind = chunks[0].dtype
    empty: Any = np.nan if kind.kind == "f" else False if kind.kind == "b" else -1
    return np.concatenate([np.pad(chunk, ((0, 0), (0, rewards - chunk.shape[1])), constant_values=empty) for chunk in chunks])
