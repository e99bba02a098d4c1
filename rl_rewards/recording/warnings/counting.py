"""Rows of a record -> counts of its steps, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rl_rewards.recording.warnings.series import COUNTS, RunSeries
from rl_rewards.types import Outcome

__all__ = ["COLUMNS", "StepCounter"]

COLUMNS = (
    "step",
    "mode",
    "rank",
    "group",
    "index",
    "completion",
    "tokens",
    "scorable",
    "reward",
    "raw",
    "score",
    "weight",
    "gate",
    "outcome",
    "failed",
    "seconds",
)
"""Columns of a record that are read."""

_PLAIN = ("rows", "unscorable", "groups", "total_sum", "total_count", "total_squares", "mixed_sum", "mixed_groups")
_LENGTHS = ("length_sum", "length_count", "repeated", "repeat_rows")


class StepCounter:
    """Counts the training rows of a record; rows without a step count where no row has one.

    Args:
        length_limit: the most tokens that the trainer lets a completion have.

    Example:
        counter = StepCounter()
        for rows in record.batches(COLUMNS):
            counter.add(rows)
        find_warnings(counter.series())
    """

    def __init__(self, length_limit: int | None = None) -> None:
        self.length_limit = length_limit
        self._names: dict[str, int] = {}
        self._weights: dict[str, float] = {}
        self._steps: dict[int, _Step] = {}

    @property
    def steps(self) -> int:
        """How many steps were counted."""
        return len(self._steps)

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Count rows in which all rewards of a completion are neighbours, and all completions of a group are there."""
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        table = table.select(list(COLUMNS)).filter(pc.equal(table["mode"].cast(pa.string()), "train"))
        if not table.num_rows:
            return
        completions = _Completions(table, self._names, self._weights)
        for step, part in completions.by_step():
            counted = _count(part, completions.weights, self.length_limit)
            known = self._steps.get(step)
            self._steps[step] = counted if known is None else known.with_other(counted)

    def series(self, log: Mapping[str, Any] | None = None, planned_steps: int | None = None) -> RunSeries:
        """The counts so far.

        Args:
            log: the trainer's own numbers: name -> (steps, values).
            planned_steps: the last step of a run that goes on.
        """
        numbers = sorted(self._steps)
        if len(numbers) > 1 and numbers[0] == -1:  # scored before training began
            numbers = numbers[1:]
        size = len(self._names)
        steps = [self._steps[number].padded(size) for number in numbers]
        plain = {name: np.array([step.plain[name] for step in steps], float) for name in (*_PLAIN, *_LENGTHS)}
        lengths, counts = plain.pop("length_sum"), plain.pop("length_count")
        rewards = np.array([step.rewards for step in steps], float).reshape(len(steps), len(COUNTS), size)
        by_name = {name: rewards[:, i] for i, name in enumerate(COUNTS)}
        by_name["seconds"] = np.divide(by_name["seconds"], by_name["rows"], out=np.full_like(by_name["rows"], np.nan), where=by_name["rows"] > 0)
        extremes = np.array([step.extremes for step in steps], float).reshape(len(steps), 3, size)
        longest = np.array([step.longest for step in steps], float).reshape(len(steps), 2)
        return RunSeries(
            np.array(numbers, np.int64),
            tuple(self._names),
            np.array([self._weights[name] for name in self._names], float),
            counts=by_name,
            low=extremes[:, 0],
            high=extremes[:, 1],
            at_high=extremes[:, 2],
            covariance=np.array([step.covariance for step in steps], float).reshape(len(steps), size, size),
            judged=np.array([step.judged for step in steps], float).reshape(len(steps), size + 1),
            flat=[step.flat for step in steps],
            length=np.divide(lengths, counts, out=np.full(len(steps), np.nan), where=counts > 0),
            longest=longest[:, 0],
            at_longest=longest[:, 1],
            log={name: (np.asarray(at, np.int64), np.asarray(values, float)) for name, (at, values) in (log or {}).items()},
            length_limit=self.length_limit,
            planned_steps=planned_steps,
            **plain,
        )


@dataclass
class _Step:
    """Counts of one step; `extremes` are lowest, highest and the number at the highest, (3, R); `judged` and `flat` end with the total's."""

    plain: dict[str, float]
    rewards: np.ndarray
    extremes: np.ndarray
    covariance: np.ndarray
    judged: np.ndarray
    flat: list[np.ndarray]
    longest: tuple[float, float]

    def padded(self, size: int) -> _Step:
        """The same with room for `size` rewards, where later steps have more."""
        more = size - self.rewards.shape[1]
        if not more:
            return self
        nan = np.full((2, more), np.nan)
        return _Step(
            self.plain,
            np.pad(self.rewards, ((0, 0), (0, more))),
            np.concatenate([self.extremes, np.concatenate([nan, np.zeros((1, more))])], 1),
            np.pad(self.covariance, ((0, more), (0, more))),
            np.concatenate([self.judged[:-1], np.zeros(more), self.judged[-1:]]),
            [*self.flat[:-1], *[np.empty(0)] * more, self.flat[-1]],
            self.longest,
        )

    def with_other(self, other: _Step) -> _Step:
        """Both together, of one step."""
        mine = self.padded(other.rewards.shape[1])
        low, high = np.fmin(mine.extremes[0], other.extremes[0]), np.fmax(mine.extremes[1], other.extremes[1])
        at_high = sum(np.where(each.extremes[1] == high, each.extremes[2], 0.0) for each in (mine, other))
        longest = np.fmax(mine.longest[0], other.longest[0])
        return _Step(
            {name: value + other.plain[name] for name, value in mine.plain.items()},
            mine.rewards + other.rewards,
            np.array([low, high, at_high]),
            mine.covariance + other.covariance,
            mine.judged + other.judged,
            [np.concatenate(pair) for pair in zip(mine.flat, other.flat, strict=True)],
            (float(longest), float(sum(each.longest[1] for each in (mine, other) if each.longest[0] == longest))),
        )


class _Completions:
    """A table as one row per completion: N completions, R rewards known so far."""

    def __init__(self, table: pa.Table, names: dict[str, int], weights: dict[str, float]) -> None:
        reward_codes, reward_names = _encoded(table["reward"])
        known = np.array([names.setdefault(name, len(names)) for name in reward_names], np.int64)
        column = known[reward_codes]
        for name, weight in zip(reward_names, _last(table["weight"], reward_codes, len(reward_names)), strict=True):
            weights[name] = weight
        self.weights = np.array([weights[name] for name in names], float)
        keys = [_integers(table[name]) for name in ("step", "rank", "index")]
        first = np.ones(table.num_rows, bool)
        first[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
        row, size = np.cumsum(first) - 1, len(names)
        at = np.flatnonzero(first)

        def matrix(values: np.ndarray, empty: float) -> np.ndarray:
            made = np.full((len(at), size), empty)
            made[row, column] = values
            return made

        outcome_codes, outcomes = _encoded(table["outcome"])
        codes = np.array([_OUTCOMES.get(outcome, 0) for outcome in outcomes], float)
        completions = table["completion"].take(pa.array(at))
        text_codes, texts = _encoded(completions)
        lengths = np.array([len(text) for text in texts], float)
        tokens = _floats(table["tokens"].take(pa.array(at)))
        self.values = {
            "score": matrix(_floats(table["score"]), np.nan),
            "raw": matrix(_floats(table["raw"]), np.nan),
            "gate": matrix(_floats(table["gate"].cast(pa.int8())), np.nan),
            "outcome": matrix(codes[outcome_codes], -1.0),
            "failed": matrix(_floats(table["failed"].cast(pa.int8())), 0.0),
            "seconds": matrix(np.nan_to_num(_floats(table["seconds"])), 0.0),
            "step": keys[0][at],
            "rank": keys[1][at],
            "group": _integers(table["group"].take(pa.array(at))),
            "scorable": _floats(table["scorable"].take(pa.array(at)).cast(pa.int8())) != 0,
            "tokens": tokens,
            "characters": lengths[text_codes] if len(texts) else np.zeros(len(at)),
            "text": text_codes,
        }

    def by_step(self) -> Iterable[tuple[int, dict[str, np.ndarray]]]:
        """Each step's completions."""
        steps = self.values["step"]
        order = np.argsort(steps, kind="stable")
        bounds = np.flatnonzero(np.diff(steps[order])) + 1
        for part in np.split(order, bounds):
            yield int(steps[part[0]]), {name: values[part] for name, values in self.values.items()}


_OUTCOMES = {Outcome.SKIPPED.value: 1.0, Outcome.UNPARSED.value: 2.0, Outcome.TIMEOUT.value: 3.0}


def _count(rows: dict[str, np.ndarray], weights: np.ndarray, length_limit: int | None) -> _Step:
    score, outcome, scorable = rows["score"], rows["outcome"], rows["scorable"]
    has = ~np.isnan(score)
    plain_score = np.where(has, score, 0.0)
    gate = rows["gate"]
    with np.errstate(invalid="ignore"):
        clipped = has & ~np.isnan(rows["raw"]) & (gate != 0) & (rows["raw"] != score)
    present, failed, timeouts = outcome >= 0, rows["failed"] > 0, outcome == 3
    counted = {
        "rows": present,
        "skipped": outcome == 1,
        "unparsed": outcome == 2,
        "timeouts": timeouts,
        "errors": failed & ~timeouts,
        "count": has,
        "sum": plain_score,
        "squares": plain_score**2,
        "clipped": clipped,
        "gated": ~np.isnan(gate),
        "gate_closed": gate == 0,
        "seconds": rows["seconds"],
    }
    lowest, highest = np.where(has, score, np.inf).min(0), np.where(has, score, -np.inf).max(0)
    weighted = weights != 0
    totals = np.where(scorable & has[:, weighted].any(1), plain_score @ weights, np.nan)
    known = ~np.isnan(totals)
    groups = _Groups(rows["rank"], rows["group"])
    flat = [groups.flat(score[:, i]) for i in range(len(weights))] + [groups.flat(totals)]
    tokens = rows["tokens"]
    measured = tokens if not np.isnan(tokens).any() else rows["characters"]
    mixed_sum, mixed_groups = groups.mixed(totals)
    return _Step(
        {
            "rows": float(len(scorable)),
            "unscorable": float((~scorable).sum()),
            "groups": float(groups.several),
            "total_sum": float(totals[known].sum()),
            "total_count": float(known.sum()),
            "total_squares": float((totals[known] ** 2).sum()),
            "mixed_sum": mixed_sum,
            "mixed_groups": mixed_groups,
            "length_sum": float(measured.sum()),
            "length_count": float(len(measured)),
            "repeated": groups.repeated(rows["text"]),
            "repeat_rows": float(groups.rows),
        },
        np.array([np.asarray(counted[name], float).sum(0) for name in COUNTS]),
        np.array([np.where(np.isinf(lowest), np.nan, lowest), np.where(np.isinf(highest), np.nan, highest), (score == highest).sum(0)]),
        groups.covariance(np.where(scorable[:, None], score, np.nan)),
        np.array([judged for judged, _ in flat], float),
        [values for _, values in flat],
        _longest(tokens, length_limit),
    )


def _longest(tokens: np.ndarray, limit: int | None) -> tuple[float, float]:
    known = tokens[~np.isnan(tokens)]
    if not len(known):
        return np.nan, 0.0
    longest = float(limit) if limit is not None and known.max() >= limit else float(known.max())
    return longest, float((known >= longest).sum())


class _Groups:
    """Which of a step's N completions answer one prompt."""

    def __init__(self, rank: np.ndarray, group: np.ndarray) -> None:
        self._known = group >= 0
        width = int(group.max(initial=0)) + 1
        keys, self._of, sizes = np.unique(rank[self._known] * width + group[self._known], return_inverse=True, return_counts=True)
        self._number, self.rows, self.several = len(keys), int(self._known.sum()), int((sizes > 1).sum())

    def flat(self, values: np.ndarray) -> tuple[int, np.ndarray]:
        """How many groups have two or more values, and the value of each whose values are all equal."""
        low, high, sizes = self._extremes(values)
        judged = sizes > 1
        equal = judged & (high - low <= 1e-9 * np.maximum(1.0, np.abs(high)))
        return int(judged.sum()), high[equal]

    def mixed(self, values: np.ndarray) -> tuple[float, float]:
        """The sum of the means of the groups with a spread, and their number."""
        low, high, sizes = self._extremes(values)
        mixed = (sizes > 1) & (high - low > 1e-9 * np.maximum(1.0, np.abs(high)))
        sums = np.bincount(self._of, np.nan_to_num(values[self._known]), self._number)
        return float((sums[mixed] / sizes[mixed]).sum()), float(mixed.sum())

    def _extremes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values = values[self._known]
        has = ~np.isnan(values)
        low, high = np.full(self._number, np.inf), np.full(self._number, -np.inf)
        np.minimum.at(low, self._of[has], values[has])
        np.maximum.at(high, self._of[has], values[has])
        sizes = np.bincount(self._of[has], minlength=self._number)
        return np.where(sizes, low, 0.0), np.where(sizes, high, 0.0), sizes

    def covariance(self, scores: np.ndarray) -> np.ndarray:
        """Sums of products of deviations from the group's mean, (R, R); from the step's where groups are not known."""
        of, number = (self._of, self._number) if self._number else (np.zeros(len(scores), np.int64), 1)
        scores = scores[self._known] if self._number else scores
        has = ~np.isnan(scores)
        deviations = np.zeros_like(scores)
        for i in range(scores.shape[1]):
            values = np.where(has[:, i], scores[:, i], 0.0)
            sizes = np.bincount(of, has[:, i], number)
            means = np.bincount(of, values, number) / np.maximum(sizes, 1)
            deviations[:, i] = np.where(has[:, i], values - means[of], 0.0)
        return deviations.T @ deviations

    def repeated(self, text: np.ndarray) -> float:
        """How many completions equal an earlier one of their group."""
        if not self.rows:
            return 0.0
        pairs = self._of * (int(text.max(initial=0)) + 1) + text[self._known]
        return float(self.rows - len(np.unique(pairs)))


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """A text column as codes and the texts that they stand for; null is a text of its own, the empty one."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices), encoded.dictionary.to_pylist()


def _integers(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), -1))


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))


def _last(weights: pa.ChunkedArray, codes: np.ndarray, number: int) -> list[float]:
    """The last weight of each reward."""
    values = np.zeros(number)
    values[codes] = _floats(weights)  # numpy keeps the last of several
    return [float(value) for value in values]
