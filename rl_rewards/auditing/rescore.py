"""Scores the completions of a recorded run with another rubric: weights, thresholds, parsers and judges are tuned without generating anything anew."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rl_rewards.auditing.rows import AuditError
from rl_rewards.auditing.targets import as_rubric, tolerant
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.recording.reader import read_record
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample, response_of

__all__ = ["Change", "RescoredBatch", "Rescoring", "rescore"]

_TEXTS = ("prompt", "completion", "references")
_BATCH_ROWS = 8192
_TINY = 1e-9


@dataclass(frozen=True)
class RescoredBatch:
    """Completions of one step and process, with what was recorded of them and what the new rubric says.

    Attributes:
        keys: N times step, mode, rank, group and index.
        old: reward -> N recorded scores, None where there was none.
        old_totals: N recorded weighted totals, None for unscorable rows.
        evaluation: of the new rubric.
    """

    keys: list[tuple[Any, ...]]
    old: dict[str, list[float | None]]
    old_totals: list[float | None]
    evaluation: Evaluation


@dataclass
class Change:
    """How one reward, or the total, changed.

    Attributes:
        rows: scored before and after.
        old, new: means over those rows.
        changed: how many of them have another score.
        gained, lost: rows that have a score only now, or had one only before.
    """

    rows: int = 0
    old: float = 0.0
    new: float = 0.0
    changed: int = 0
    gained: int = 0
    lost: int = 0

    def add(self, before: float | None, after: float | None) -> None:
        """Count a row."""
        if before is None or after is None:
            self.gained += before is None and after is not None
            self.lost += before is not None and after is None
            return
        self.rows += 1
        self.old += (before - self.old) / self.rows
        self.new += (after - self.new) / self.rows
        self.changed += abs(before - after) > _TINY * max(1.0, abs(before))


@dataclass
class Rescoring:
    """What changed between a record and another rubric.

    Attributes:
        completions: how many were scored.
        total: of the weighted totals.
        rewards: by name; those of one rubric alone have no rows in common.
        groups: groups of two or more.
        reordered: groups in which some pair of completions changed its order.
        new_best: groups whose best completions are others.
        useful: share of groups with spread, before and after.
        failed: reward -> rows on which it failed now.
    """

    completions: int = 0
    total: Change = field(default_factory=Change)
    rewards: dict[str, Change] = field(default_factory=dict)
    groups: int = 0
    reordered: int = 0
    new_best: int = 0
    useful_old: int = 0
    useful_new: int = 0
    failed: dict[str, int] = field(default_factory=dict)

    def count(self, batch: RescoredBatch) -> None:
        """Count a batch of whole groups."""
        new_totals = batch.evaluation.totals()
        self.completions += len(new_totals)
        for before, after in zip(batch.old_totals, new_totals, strict=True):
            self.total.add(before, after)
        for name in dict.fromkeys([*batch.old, *batch.evaluation.columns]):
            change = self.rewards.setdefault(name, Change())
            old = batch.old.get(name) or [None] * len(new_totals)
            column = batch.evaluation.columns.get(name)
            for before, after in zip(old, column.scores if column else [None] * len(new_totals), strict=True):
                change.add(before, after)
            if column and column.failed:
                self.failed[name] = self.failed.get(name, 0) + len(column.failed)
        groups: dict[Any, list[int]] = {}
        for i, key in enumerate(batch.keys):
            if key[3] is not None:
                groups.setdefault(key[:4], []).append(i)
        for members in groups.values():
            pairs = [(a, b) for i in members if (a := batch.old_totals[i]) is not None and (b := new_totals[i]) is not None]
            if len(pairs) > 1:
                self._count_group([a for a, _ in pairs], [b for _, b in pairs])

    def _count_group(self, old: Sequence[float], new: Sequence[float]) -> None:
        self.groups += 1
        self.useful_old += max(old) - min(old) > _TINY
        self.useful_new += max(new) - min(new) > _TINY
        self.new_best += [a >= max(old) - _TINY for a in old] != [b >= max(new) - _TINY for b in new]
        self.reordered += _ranks(old) != _ranks(new)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        groups = max(self.groups, 1)
        return {
            "completions": self.completions,
            "total": vars(self.total),
            "rewards": {name: vars(change) for name, change in self.rewards.items()},
            "groups": {"counted": self.groups, "reordered": self.reordered / groups, "new_best": self.new_best / groups, "useful_before": self.useful_old / groups, "useful_after": self.useful_new / groups},
            "failed": self.failed,
        }  # fmt: skip


def _ranks(values: Sequence[float]) -> list[int]:
    """Ranks from 0, equal ones for values that are equal but for rounding."""
    levels: list[float] = []
    for value in sorted(values):
        if not levels or value - levels[-1] > _TINY:
            levels.append(value)
    return [max(i for i, level in enumerate(levels) if value >= level - _TINY) for value in values]


def rescore(record: str | os.PathLike[str], rubric: Any, code: bool = True, tokenize: Any = None) -> Iterator[RescoredBatch]:
    """Score the completions of a record with another rubric, a batch of the run at a time, in the record's order.

    Args:
        record: a run's output directory, or its `rewards.parquet`.
        rubric: what `audit` takes.
        code: whether a named rubric may run code.
        tokenize: text -> token ids; without it, rewards of lengths take the recorded counts, and those of repetition are refused.

    Raises:
        FileNotFoundError, ValueError: as `read_record`.
        AuditError: when a reward needs what a record does not hold.
    """
    loaded = as_rubric(rubric, code)
    _check_tokens(loaded, tokenize)
    return _batches(record, tolerant(loaded), tokenize)


def _check_tokens(rubric: Rubric, tokenize: Any) -> None:
    for reward in rubric:
        if reward.score.traits.needs_token_ids and tokenize is None and type(reward.score).__name__ not in _COUNT_TOKENS:
            raise AuditError(
                f"reward {reward.name!r} looks at tokens, and a record holds how many there were, not which: set its `unit` to words, or give a tokenizer"
            )


_COUNT_TOKENS = frozenset({"SoftOverlong", "LengthWindow", "CosineLength", "GroupLength"})


def _batches(record: Any, rubric: Rubric, tokenize: Any) -> Iterator[RescoredBatch]:
    read = read_record(record)
    pending: list[dict[str, Any]] = []
    for table in read.batches(["step", "mode", "rank", "group", "index", "tokens", "scorable", "reward", "score", "weight", *_TEXTS]):
        for row in _completions(table):
            # A group is never split: a batch ends where the step, the process or the group changes.
            if len(pending) >= _BATCH_ROWS and (row["key"][:4] != pending[-1]["key"][:4] or row["key"][3] is None):
                yield _scored(pending, rubric, tokenize)
                pending = []
            pending.append(row)
    if pending:
        yield _scored(pending, rubric, tokenize)


def _completions(table: pa.Table) -> Iterator[dict[str, Any]]:
    """One row for each completion; all rewards of a completion follow each other in a record."""
    size = table.num_rows
    if not size:
        return
    columns = {name: _list(table[name]) for name in ("step", "mode", "rank", "group", "index", "tokens", "scorable", "reward", "score", "weight")}
    firsts = [i for i in range(size) if i == 0 or any(columns[name][i] != columns[name][i - 1] for name in ("index", "rank", "mode", "step"))]
    texts = {name: _list(table[name].take(pa.array(firsts))) for name in _TEXTS}
    for place, start in enumerate(firsts):
        end = firsts[place + 1] if place + 1 < len(firsts) else size
        yield {
            "key": tuple(columns[name][start] for name in ("step", "mode", "rank", "group", "index")),
            "tokens": columns["tokens"][start],
            "scores": dict(zip(columns["reward"][start:end], columns["score"][start:end], strict=True)),
            "weights": columns["weight"][start:end],
            "scorable": columns["scorable"][start],
            **{name: texts[name][place] for name in _TEXTS},
        }


def _list(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return column.to_pylist()


def _scored(rows: Sequence[dict[str, Any]], rubric: Rubric, tokenize: Any) -> RescoredBatch:
    groups: dict[Any, int] = {}
    samples = []
    for i, row in enumerate(rows):
        step, mode, rank, group, _ = row["key"]
        number = None if group is None else groups.setdefault((step, mode, rank, group), len(groups))
        completion = _turns(row["completion"])
        sample = Sample(_turns(row["prompt"]), completion, response_of(completion), _columns(row["references"]), None, number, step, i)
        if tokenize is not None:
            sample.completion_ids = tokenize(sample.policy_text)
        elif row["tokens"] is not None:
            sample.completion_ids = range(row["tokens"])
        if sample.completion_ids is not None:
            sample.policy_mask = [1] * len(sample.completion_ids)
        samples.append(sample)
    names = dict.fromkeys(name for row in rows for name in row["scores"])
    old = {name: [row["scores"].get(name) for row in rows] for name in names}
    return RescoredBatch([row["key"] for row in rows], old, [_old_total(row) for row in rows], rubric.evaluate(samples))


def _old_total(row: dict[str, Any]) -> float | None:
    """The weighted total as the trainer had it."""
    parts = [weight * score for weight, score in zip(row["weights"], row["scores"].values(), strict=True) if score is not None and weight != 0]
    return sum(parts) if parts and row["scorable"] else None


def _turns(text: str | None) -> Any:
    """Text as it was recorded: messages where it is the JSON of some."""
    if text is not None and text.startswith("[{"):
        return _messages(text)
    return text


@functools.lru_cache(maxsize=4096)
def _messages(text: str) -> Any:
    try:
        turns = json.loads(text)
    except ValueError:
        return text
    return turns if isinstance(turns, list) and all(isinstance(turn, dict) and "role" in turn for turn in turns) else text


@functools.lru_cache(maxsize=4096)
def _columns(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}
