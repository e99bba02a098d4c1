"""One side of a comparison: the rows of a scored file, or of a run's evaluation."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.aggregates.problems import prompt_text
from rl_rewards.recording.reader import RunRecord, read_record
from rl_rewards.tables.readers import read_rows
from rl_rewards.tables.scored import ADDED
from rl_rewards.tables.scored_directory import is_scored_directory
from rl_rewards.types.rows import RowError, sample_of
from rl_rewards.user_errors import UserError

__all__ = ["TOTAL", "CompareError", "SideRow", "rows_of"]

TOTAL = "total"
"""The weighted total of a row, beside its rewards; a reward of that name takes its place."""
_RECORD = ["step", "mode", "rank", "index", "prompt", "completion", "references", "reward", "score", "weight", "scorable", "reason"]


class CompareError(UserError, ValueError):
    """Two files or runs that cannot be compared."""


@dataclass(slots=True)
class SideRow:
    """A completion and its scores.

    Attributes:
        prompt: what rows are paired by: the prompt's text, or its messages as JSON.
        completion: the response's text.
        scores: reward -> score, None where there is none, with the total.
        reasons: reward -> reason.
        columns: the row's other columns.
    """

    prompt: str
    completion: str
    scores: Mapping[str, float | None]
    reasons: Mapping[str, str | None]
    columns: Mapping[str, Any]


def rows_of(source: str | os.PathLike[str]) -> Iterator[SideRow]:
    """The rows of a scored file or directory, or of the last evaluation of a run: its output directory or its `rewards.parquet`, or `RUN@STEP`.

    Raises:
        OSError: when it cannot be read.
        CompareError: when it holds no scored rows.
    """
    name, _, step = os.fspath(source).rpartition("@")
    if name and step.isdigit() and not os.path.exists(source):
        return _run_rows(_record(name), int(step))
    if is_scored_directory(source):
        return _file_rows(source)
    if Path(source).is_dir() or _is_record(source):
        return _run_rows(_record(source), None)
    return _file_rows(source)


def _file_rows(path: str | os.PathLike[str]) -> Iterator[SideRow]:
    count = 0
    for row in read_rows(path):
        where = f"{os.fspath(path)}:{row.number}"
        values = row.values
        if values is None:
            raise CompareError(f"{where}: {row.problem}")
        scores = values.get("scores")
        if not isinstance(scores, Mapping):
            raise CompareError(
                f"{where}: a scored row must have a column 'scores' of one score for each reward, as `rl-rewards score` writes it, "
                f"got columns {sorted(values)}"
            )
        for name, score in [*scores.items(), ("score", values.get("score"))]:
            if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
                raise CompareError(f"{where}: the score of {name!r} must be a number or null, got {score!r:.80}")
        try:
            sample = sample_of(values)
        except RowError as error:
            raise CompareError(f"{where}: {error}") from None
        prompt = prompt_text(sample.prompt)
        if prompt is None:
            raise CompareError(f"{where}: a row needs a prompt to be paired by")
        count += 1
        columns = {name: value for name, value in sample.references.items() if name not in ADDED}
        yield SideRow(prompt, sample.response, {TOTAL: values.get("score"), **scores}, values.get("reasons") or {}, columns)
    if not count:
        raise CompareError(f"{os.fspath(path)}: no rows")


def _is_record(path: str | os.PathLike[str]) -> bool:
    if Path(path).suffix.lower() != ".parquet" or not Path(path).is_file():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"rl_rewards.schema_version" in (pq.read_metadata(path).metadata or {})
    except pa.ArrowException:  # the reader of tables says what is wrong
        return False


def _record(path: str | os.PathLike[str]) -> RunRecord:
    try:
        return read_record(path)
    except ValueError as error:
        raise CompareError(str(error)) from None
    except FileNotFoundError:
        raise CompareError(f"{os.fspath(path)}: must be a scored file, or a run with its rewards.parquet") from None


def _run_rows(record: RunRecord, step: int | None) -> Iterator[SideRow]:
    import pyarrow.compute

    pc: Any = pyarrow.compute  # its types know none of its functions
    steps: set[int] = set()
    for table in record.batches(["step", "mode"]):
        steps.update(value for value in table.filter(pc.equal(table["mode"], "eval"))["step"].unique().to_pylist() if value is not None)
    if not steps:
        raise CompareError(f"{record.path}: the run has no evaluation to compare; train with eval_strategy")
    wanted = max(steps) if step is None else step
    if wanted not in steps:
        raise CompareError(f"{record.path}: the run must have an evaluation at step {wanted}; there are {', '.join(map(str, sorted(steps)))}")
    for table in record.batches(_RECORD):
        rows = table.filter(pc.and_(pc.equal(table["mode"], "eval"), pc.equal(table["step"], wanted))).to_pylist()
        start = 0
        for i in range(1, len(rows) + 1):
            if i == len(rows) or (rows[i]["rank"], rows[i]["index"]) != (rows[start]["rank"], rows[start]["index"]):
                yield _completion(rows[start:i])
                start = i


def _completion(rows: list[dict[str, Any]]) -> SideRow:
    """A completion of a record, from its rows, one for each reward."""
    first = rows[0]
    counted = [row["weight"] * row["score"] for row in rows if row["weight"] and row["score"] is not None and row["scorable"]]
    scores = {TOTAL: sum(counted) if counted else None, **{row["reward"]: row["score"] for row in rows}}
    reasons = {row["reward"]: row["reason"] for row in rows}
    return SideRow(_prompt(first["prompt"]), first["completion"] or "", scores, reasons, json.loads(first["references"] or "{}"))


def _prompt(text: str | None) -> str:
    """A record's prompt as a scored file's rows are paired by."""
    if text is not None and text.startswith("[{"):
        try:
            return prompt_text(json.loads(text)) or ""
        except ValueError:
            pass
    return text or ""
