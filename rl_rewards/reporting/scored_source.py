"""A scored file (`rl-rewards score --out`, `rl-rewards evaluate --save`) -> a Run without steps; neighbours with equal prompts are a group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rl_rewards.aggregates.problems import prompt_text
from rl_rewards.recording.rows import prompt_id
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.run import OUTCOMES, Run, TextRow
from rl_rewards.tables.readers import READABLE, Row, read_rows
from rl_rewards.tables.scored import ADDED
from rl_rewards.tables.scored_directory import is_scored_directory
from rl_rewards.types import Sample
from rl_rewards.types.rows import RowError, sample_of

__all__ = ["read_scored", "scored_file_in"]


def scored_file_in(directory: Path) -> Path:
    """The one scored file in a directory, or the directory itself where `score --out DIR` wrote it.

    Raises:
        ReportError: when there is none, or several.
    """
    if is_scored_directory(directory):
        return directory
    files = [path for path in sorted(directory.iterdir()) if path.suffix.lower() in READABLE and not path.name.startswith(".") and path.is_file()]
    found = [path for path in files if _is_scored(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ReportError(f"{directory}: must hold one scored file, got {', '.join(path.name for path in found)}; name the one that is meant")
    raise ReportError(
        f"{directory}: must be a run's output directory with rewards.parquet, or hold a file that `rl-rewards score --out` or "
        f"`rl-rewards evaluate --save` wrote; found {', '.join(sorted(path.name for path in directory.iterdir())[:8]) or 'nothing'}"
    )


def _is_scored(path: Path) -> bool:
    first = next(iter(read_rows(path)), None)
    return first is not None and first.values is not None and isinstance(first.values.get("scores"), Mapping)


def read_scored(path: Path, name: str) -> Run:
    """Read a scored file.

    Raises:
        ReportError: naming the line and what is wrong with it.
        TableError: when it is no data file.
    """
    columns = _Columns()
    for row in read_rows(path):
        columns.add(path, row)
    return columns.run(path, name)


class _Columns:
    """Rows of a scored file, gathered into columns."""

    def __init__(self) -> None:
        self.rewards: dict[str, int] = {}
        self.numbers: list[int] = []
        self.cells: list[tuple[int, int, float, int]] = []  # row, reward, score, outcome
        self.components: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self.prompts: dict[str | None, int] = {}
        self.hashes: list[int] = []
        self.flat: dict[str, list[float]] = {name: [] for name in ("prompt", "total", "tokens", "characters", "text_size")}

    def add(self, path: Path, row: Row) -> None:
        where = f"{path}:{row.number}"
        values = _checked(where, row)
        sample = _sample(where, values)
        place = len(self.numbers)
        self.numbers.append(row.number)
        outcomes, reasons = values.get("outcomes") or {}, values.get("reasons") or {}
        for name, score in values["scores"].items():
            outcome = outcomes.get(name)
            reward = self.rewards.setdefault(name, len(self.rewards))
            code = OUTCOMES.index(outcome) if outcome in OUTCOMES else OUTCOMES.index("scored" if score is not None else "error")
            self.cells.append((place, reward, _number(where, name, score), code))
        for name, parts in (values.get("components") or {}).items():
            for part in parts or ():
                self.components.setdefault((name, str(part["name"])), []).append((place, _number(where, part["name"], part["score"])))
        prompt = prompt_text(sample.prompt)
        text = sample.response
        self.flat["prompt"].append(-1 if prompt is None else self.prompts.setdefault(prompt_id(sample.prompt), len(self.prompts)))
        self.flat["total"].append(_number(where, "total", values.get("score")))
        self.flat["tokens"].append(np.nan if sample.completion_ids is None else len(sample.completion_ids))
        self.flat["characters"].append(len(text))
        self.hashes.append(hash(text))
        self.flat["text_size"].append(len(text.encode("utf-8", "replace")) + sum(len(str(reason)) for reason in reasons.values() if reason))

    def run(self, path: Path, name: str) -> Run:
        count, rewards = len(self.numbers), len(self.rewards)
        flat: dict[str, Any] = {key: np.array(values, float) for key, values in self.flat.items()}
        prompt = flat.pop("prompt").astype(np.int64)
        scores = np.full((count, rewards), np.nan)
        outcomes = np.full((count, rewards), -1, np.int8)
        if self.cells:
            cells = np.array(self.cells)
            at = cells[:, 0].astype(int), cells[:, 1].astype(int)
            scores[at], outcomes[at] = cells[:, 2], cells[:, 3]
        failed = np.isnan(scores) & (outcomes >= 0) & (outcomes != OUTCOMES.index("skipped"))
        components = {}
        for key, found in self.components.items():
            components[key] = np.full(count, np.nan)
            places, values = zip(*found, strict=True)
            components[key][list(places)] = values
        none = np.full(count, np.nan)
        return Run(
            name,
            path,
            recorded=False,
            finished=True,
            rewards=tuple(self.rewards),
            weights=_weights(scores, flat["total"]),
            step=np.full(count, -1),
            training=np.zeros(count, bool),
            rank=np.zeros(count, np.int64),
            index=np.array(self.numbers, np.int64),
            group=np.where(prompt >= 0, np.r_[0, np.cumsum(np.diff(prompt) != 0)] if count else 0, -1),
            prompt=prompt,
            prompt_ids=[str(key) for key in self.prompts],
            scorable=~(np.isnan(flat["total"]) & failed.any(axis=1)),
            advantage=none,
            scores=scores,
            raw=np.full_like(scores, np.nan),
            outcomes=outcomes,
            failed=failed,
            gate=np.full(scores.shape, -1, np.int8),
            seconds=np.full_like(scores, np.nan),
            row_seconds=np.full_like(scores, np.nan),
            batch=np.zeros(count, np.int64),
            text=np.array(self.hashes, np.int64),
            components=components,
            texts_of=_Texts(path, self.numbers),
            **flat,
        )


class _Texts:
    """Reads the texts of some rows of a scored file."""

    def __init__(self, path: Path, numbers: list[int]) -> None:
        self._path, self._numbers = path, numbers

    def __call__(self, wanted: np.ndarray) -> dict[int, TextRow]:
        places = {self._numbers[place]: int(place) for place in wanted}
        return {places[row.number]: _texts(row) for row in self._rows() if row.number in places}

    def _rows(self) -> Iterator[Row]:
        return read_rows(self._path)


def _texts(row: Row) -> TextRow:
    values = row.values or {}
    sample = sample_of(values)
    references = {name: value for name, value in sample.references.items() if name not in ADDED}
    reasons = {name: None if text is None else str(text) for name, text in (values.get("reasons") or {}).items()}
    return TextRow(_shown(sample.prompt), _shown(sample.completion), sample.reasoning, _shown(references), {}, reasons)


def _shown(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _checked(where: str, row: Row) -> dict[str, Any]:
    if row.values is None:
        raise ReportError(f"{where}: {row.problem}")
    if not isinstance(row.values.get("scores"), Mapping):
        raise ReportError(
            f"{where}: a scored row must have a column 'scores' of one score for each reward, as `rl-rewards score` writes it, "
            f"got columns {sorted(row.values)}"
        )
    return row.values


def _sample(where: str, values: Mapping[str, Any]) -> Sample:
    try:
        return sample_of(values)
    except RowError as error:
        raise ReportError(f"{where}: {error}") from None


def _number(where: str, name: str, value: Any) -> float:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ReportError(f"{where}: the score of {name!r} must be a number or null, got {value!r:.80}")
    return float(value)


def _weights(scores: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The weights that make the totals of the scores; NaN where several would, or none does."""
    rows, here = np.isfinite(total), np.nan_to_num(scores)
    unknown = np.full(scores.shape[1], np.nan)
    if not rows.any() or np.linalg.matrix_rank(here[rows]) < scores.shape[1]:
        return unknown
    weights = np.linalg.lstsq(here[rows], total[rows], rcond=None)[0]
    if not np.allclose(here[rows] @ weights, total[rows], rtol=1e-9, atol=1e-9):
        return unknown
    rounded = np.round(weights, 9)
    return np.where(np.abs(rounded) < 1e-9, 0.0, rounded)
