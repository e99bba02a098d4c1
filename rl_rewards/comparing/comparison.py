"""Differences between two sides, paired by prompt."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from rl_rewards.aggregates.problems import key_of
from rl_rewards.aggregates.sums import SumTable
from rl_rewards.comparing.bootstrap import bootstrap_interval
from rl_rewards.comparing.sides import TOTAL, CompareError, SideRow, rows_of

__all__ = ["Change", "Comparison", "Difference", "compare"]

_BATCH = 4096
# A column with more values than this is no breakdown.
_MOST_VALUES = 200
_CHANGES = 10
_NO_VALUE = "(none)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A reward on both sides, over the prompts that have a score of it on both.

    Attributes:
        a, b: mean over these prompts of each prompt's mean score.
        difference: b - a; None where there is no such prompt.
        low, high: its 95 % interval, by the paired bootstrap over prompts; None for fewer than two.
        prompts: how many prompts there are.
        better, worse, equal: shares of them, in [0, 1], on which B scores higher, lower, the same; they add up to 1.
        failed_a, failed_b: rows of paired prompts without a score of it, which are left out.
    """

    reward: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    prompts: int
    better: float | None
    worse: float | None
    equal: float | None
    failed_a: int
    failed_b: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Change:
    """A prompt on which the sides differ, with the completion of each that shows it most."""

    prompt: str
    a: float
    b: float
    completion_a: str
    completion_b: str
    reason_a: str | None
    reason_b: str | None

    @property
    def difference(self) -> float:
        return self.b - self.a


@dataclass(frozen=True)
class Comparison:
    """Two sides, A and B.

    Attributes:
        differences: of the total and of every reward that both have.
        by: value of the column -> differences over its rows; empty without a column.
        changed: the ten prompts that changed most in `changed_in`, most first.
        changed_in: the total, or the first reward where nothing has one.
        paired, only_a, only_b: prompts on both sides, and on one alone.
        rewards_a, rewards_b: rewards of one side alone.
    """

    differences: list[Difference]
    by: dict[str, list[Difference]]
    changed: list[Change]
    changed_in: str
    paired: int
    only_a: int
    only_b: int
    rewards_a: list[str] = field(default_factory=list)
    rewards_b: list[str] = field(default_factory=list)

    def __getitem__(self, reward: str) -> Difference:
        for difference in self.differences:
            if difference.reward == reward:
                return difference
        names = [difference.reward for difference in self.differences]
        near = get_close_matches(reward, names, n=1)
        raise CompareError(
            f"a reward of both sides must be named, got {reward!r}; there are {', '.join(names)}{f'; did you mean {near[0]!r}?' if near else ''}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return asdict(self)


def compare(a: str | os.PathLike[str], b: str | os.PathLike[str], by: str | None = None, *, resamples: int = 10_000, seed: int = 0) -> Comparison:
    """Compare two scored files or runs, paired by prompt: b minus a.

    Each prompt counts the same, whatever its number of completions. Memory goes by prompts, not by rows: files are read twice, a row at a
    time.

    Args:
        a, b: scored files as `rl-rewards score` writes them, output directories of runs (their last evaluation), or `RUN@STEP`.
        by: a column; differences are given for the rows of each of its values, too.
        resamples, seed: of the bootstrap.

    Raises:
        OSError: when one cannot be read.
        CompareError: when one is not scored, no prompt or no reward is on both sides, or no row has the column `by`.

    Example:
        comparison = compare("before.jsonl", "after.jsonl")
        comparison["correct"].difference, comparison["correct"].low, comparison["correct"].high
    """
    first, second = _Side(a, by), _Side(b, by)
    names = [name for name in first.names if name in second.names]
    if names == [TOTAL] or not names:
        raise CompareError(f"both sides must have a reward in common, got {first.rewards} and {second.rewards}")
    keys_a, keys_b = first.problems(), second.problems()
    paired = np.intersect1d(keys_a, keys_b)
    if not len(paired):
        raise CompareError(
            f"both sides must have prompts in common, got {len(keys_a)} in {os.fspath(a)} and {len(keys_b)} in {os.fspath(b)}, none of them the same"
        )
    differences = [_difference(name, first, second, paired, None, resamples, seed) for name in names]
    values = sorted({*first.values.values(), *second.values.values()}) if by is not None else []
    broken = {value: [_difference(name, first, second, paired, value, resamples, seed) for name in names] for value in values}
    if (missing := differences[0].difference is None) and len(names) > 1:
        differences = differences[1:]  # metrics alone have no total
        broken = {value: each[1:] for value, each in broken.items()}
    changed_in = names[1] if missing and len(names) > 1 else names[0]
    return Comparison(
        differences,
        broken,
        _changes(a, b, changed_in, first, second, paired),
        changed_in,
        len(paired),
        len(keys_a) - len(paired),
        len(keys_b) - len(paired),
        [name for name in first.names if name not in second.names],
        [name for name in second.names if name not in first.names],
    )


class _Side:
    """Sums of a side's scores by prompt and value of the column: for each reward the rows with a score, their sum, and those without one."""

    def __init__(self, source: str | os.PathLike[str], by: str | None) -> None:
        self.names: list[str] = []
        self.values: dict[int, str] = {}
        self._by = by
        has_column, columns = False, {}
        self._sums = SumTable(2, 0)
        keys: list[tuple[int, int]] = []
        sums: list[list[float]] = []
        for number, row in enumerate(rows_of(source)):
            if number == 0:
                self.names, self._sums = list(row.scores), SumTable(2, 3 * len(row.scores))
            if row.scores.keys() != set(self.names):
                raise CompareError(
                    f"{os.fspath(source)}: every row must have the scores {self.names[1:]}, row {number + 1} has {list(row.scores)[1:]}"
                )
            if by is not None:
                has_column = has_column or by in row.columns
                columns.update(dict.fromkeys(row.columns))
            keys.append((key_of(row.prompt), self._value(row.columns)))
            sums.append([part for name in self.names for part in _parts(row.scores[name])])
            if len(keys) == _BATCH:
                self._sums.add(np.array(keys, np.uint64), np.array(sums))
                keys, sums = [], []
        if keys:
            self._sums.add(np.array(keys, np.uint64), np.array(sums))
        if by is not None and not has_column:
            near = get_close_matches(by, columns, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CompareError(f"{os.fspath(source)}: --by must name a column of the rows, got {by!r}; there are {', '.join(sorted(columns))}{hint}")

    @property
    def rewards(self) -> list[str]:
        return [name for name in self.names if name != TOTAL]

    def _value(self, columns: Mapping[str, Any]) -> int:
        """The key of the row's value in the column."""
        if self._by is None:
            return 0
        value = columns.get(self._by)
        text = _NO_VALUE if value is None else str(value)
        key = key_of(text)
        if key not in self.values:
            self.values[key] = text
            if len(self.values) > _MOST_VALUES:
                raise CompareError(f"--by must name a column of at most {_MOST_VALUES} values, {self._by!r} has more")
        return key

    def problems(self) -> np.ndarray:
        """Keys of the side's prompts, sorted."""
        return np.unique(self._sums.rows()[0][:, 0])

    def sums(self, name: str, problems: np.ndarray, value: str | None) -> np.ndarray:
        """For each of G prompts the rows with a score, their sum, and the rows without one, shape (G, 3)."""
        keys, sums = self._sums.rows()
        if value is not None:
            wanted = keys[:, 1] == np.uint64(key_of(value))
            keys, sums = keys[wanted], sums[wanted]
        place = 3 * self.names.index(name)
        found = np.zeros((len(problems), 3))
        where = np.searchsorted(problems, keys[:, 0])
        there = (where < len(problems)) & (problems[np.minimum(where, len(problems) - 1)] == keys[:, 0])
        np.add.at(found, where[there], sums[there, place : place + 3])
        return found


def _parts(score: float | None) -> tuple[float, float, float]:
    return (0.0, 0.0, 1.0) if score is None else (1.0, float(score), 0.0)


def _means(
    name: str, first: _Side, second: _Side, problems: np.ndarray, value: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """Which prompts have a score on both sides, shape (G,), the means of these on each, and the rows without a score."""
    a, b = first.sums(name, problems, value), second.sums(name, problems, value)
    both = (a[:, 0] > 0) & (b[:, 0] > 0)
    return both, a[both, 1] / a[both, 0], b[both, 1] / b[both, 0], (int(a[:, 2].sum()), int(b[:, 2].sum()))


def _difference(name: str, first: _Side, second: _Side, problems: np.ndarray, value: str | None, resamples: int, seed: int) -> Difference:
    _, a, b, (failed_a, failed_b) = _means(name, first, second, problems, value)
    count = len(a)
    if not count:
        return Difference(name, None, None, None, None, None, 0, None, None, None, failed_a, failed_b)
    gaps = b - a
    low, high = bootstrap_interval(gaps, resamples, seed)
    better, worse = float((gaps > 0).mean()), float((gaps < 0).mean())
    mean_a, mean_b = math.fsum(a) / count, math.fsum(b) / count
    return Difference(name, mean_a, mean_b, math.fsum(gaps) / count, low, high, count, better, worse, float((gaps == 0).mean()), failed_a, failed_b)


def _changes(a: str | os.PathLike[str], b: str | os.PathLike[str], name: str, first: _Side, second: _Side, problems: np.ndarray) -> list[Change]:
    """The prompts that changed most, with the completion of each side that shows it most: the lower side's lowest, the higher one's highest."""
    both, means_a, means_b, _ = _means(name, first, second, problems, None)
    order = np.argsort(-np.abs(means_b - means_a), kind="stable")[:_CHANGES]
    order = order[means_a[order] != means_b[order]]
    wanted = {int(key): (float(means_a[i]), float(means_b[i])) for i, key in zip(order, problems[both][order])}
    shown_a = _showing(a, name, {key: low > high for key, (low, high) in wanted.items()})
    shown_b = _showing(b, name, {key: high > low for key, (low, high) in wanted.items()})
    changes = []
    for key, (mean_a, mean_b) in wanted.items():
        row_a, row_b = shown_a[key], shown_b[key]
        changes.append(Change(row_a.prompt, mean_a, mean_b, row_a.completion, row_b.completion, _reason(row_a, name), _reason(row_b, name)))
    return changes


def _reason(row: SideRow, name: str) -> str | None:
    """The reward's reason; of the total those of all rewards that have one."""
    if name != TOTAL or TOTAL in row.reasons:
        return row.reasons.get(name)
    return "; ".join(f"{reward}: {reason}" for reward, reason in row.reasons.items() if reason) or None


def _showing(source: str | os.PathLike[str], name: str, highest: Mapping[int, bool]) -> dict[int, SideRow]:
    """A row of each wanted prompt: that of the highest score, or of the lowest."""
    found: dict[int, SideRow] = {}
    if not highest:
        return found
    for row in rows_of(source):
        key, score = key_of(row.prompt), row.scores.get(name)
        if score is None or key not in highest:
            continue
        before = found[key].scores[name] if key in found else None
        if before is None or (score > before if highest[key] else score < before):
            found[key] = row
    return found
