"""A directory of scored parts as a record: one row per completion per reward."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rl_rewards.recording.reader import RunRecord
from rl_rewards.recording.rows import SCHEMA, prompt_id, text_of_value
from rl_rewards.tables.readers import parquet_values
from rl_rewards.tables.scored import ADDED
from rl_rewards.tables.scored_directory import RUN, parts_of
from rl_rewards.types.rows import RowError, sample_of

__all__ = ["ScoredRecord", "read_scored_record"]

_FAILED = frozenset({"error", "crashed", "timeout", "unsupported"})


@dataclass(frozen=True)
class ScoredRecord(RunRecord):
    """The record of what `rl-rewards score --out DIR` wrote. What only training knows is null: step, advantage, raw score, parsed answer, gate,
    seconds. `mode` is eval, and `index` counts rows.

    Attributes:
        parts: the Parquet files.
        weights: reward -> its weight.
    """

    parts: tuple[Path, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        return pa.concat_tables([*self.batches(columns)], promote_options="none") if self.parts else _selected(SCHEMA.empty_table(), columns)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        index, group, last = 0, -1, object()
        for part in self.parts:
            rows: list[dict[str, Any]] = []
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(batch_size=1024):
                    for values in parquet_values(batch):
                        common, prompt = _completion(values)
                        group, last = group + (prompt != last), prompt
                        rows += _rewards(values, {**common, "index": index, "group": group}, self.weights)
                        index += 1
            yield _selected(pa.Table.from_pylist(rows, schema=SCHEMA), columns)


def read_scored_record(directory: Path) -> ScoredRecord:
    """The record of a scored directory.

    Raises:
        TableError: when it is not done, or parts are missing.
    """
    parts, run = tuple(parts_of(directory)), json.loads((directory / RUN).read_text(encoding="utf-8"))
    rows = sum(pq.read_metadata(part).num_rows for part in parts)
    weights = tuple(run["rewards"].items())
    versions = {"rl_rewards": run["rl_rewards"]}
    return ScoredRecord(directory, run.get("rubric_text") or "", {}, versions, rows * len(weights), parts, weights)


def _selected(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    return table if columns is None else table.select(list(columns))


def _completion(values: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """What all rewards of a row share, and its prompt."""
    try:
        sample = sample_of({name: value for name, value in values.items() if name not in ADDED})
    except RowError:  # a row that scoring took cannot be one
        return {}, None
    return {
        "mode": "eval",
        "rank": 0,
        "prompt_id": prompt_id(sample.prompt),
        "prompt": text_of_value(sample.prompt),
        "completion": text_of_value(sample.completion),
        "reasoning": sample.reasoning,
        "references": text_of_value(dict(sample.references)),
        "tokens": None if sample.completion_ids is None else len(sample.completion_ids),
    }, sample.prompt


def _rewards(values: Mapping[str, Any], common: Mapping[str, Any], weights: Sequence[tuple[str, float]]) -> Iterator[dict[str, Any]]:
    scores, outcomes = values["scores"], values["outcomes"]
    failed = {name for name, _ in weights if outcomes[name] in _FAILED and (scores[name] is None or outcomes[name] in ("error", "unsupported"))}
    scorable = not any(weight and name in failed and scores[name] is None for name, weight in weights)
    for name, weight in weights:
        yield {
            **common,
            "scorable": scorable,
            "reward": name,
            "score": scores[name],
            "weight": weight,
            "outcome": outcomes[name],
            "failed": name in failed,
            "reason": values["reasons"][name],
            "components": [{"name": each["name"], "score": each["score"]} for each in values["components"][name] or ()],
        }
