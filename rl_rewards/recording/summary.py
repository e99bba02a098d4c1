"""How each reward fared over a run, from `rewards.parquet`: what the plot draws and the closing table says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rl_rewards.evaluation.aggregates import Tally
from rl_rewards.types import Outcome

__all__ = ["Curve", "RewardSummary", "RunSummary", "summarise"]

# A run's start and end are means over the first and the last tenth of its steps.
_SHARE = 10


@dataclass
class Curve:
    """A number over steps: `steps` (int, length T) and `values` (float, length T, NaN where there was none)."""

    steps: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    values: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __bool__(self) -> bool:
        return len(self.steps) > 0

    @property
    def start(self) -> float:
        """Mean over the first tenth of the steps."""
        return _mean(self.values[: math.ceil(len(self.values) / _SHARE)])

    @property
    def end(self) -> float:
        """Mean over the last tenth of the steps."""
        return _mean(self.values[-math.ceil(len(self.values) / _SHARE) :])


@dataclass
class RewardSummary:
    """One reward over a run.

    Attributes:
        mean, evaluation: mean score by step, in training and in evaluation.
        unparsed, errors: shares in [0, 1] of the training rows that the reward applied to.
        tally: what became of all training rows.
        components: mean of each component by step, in training.
    """

    name: str
    weight: float
    mean: Curve
    evaluation: Curve
    unparsed: Curve
    errors: Curve
    tally: Tally
    components: dict[str, Curve]


@dataclass
class RunSummary:
    """All rewards of a run in the rubric's order, and the weighted total of a completion."""

    rewards: list[RewardSummary]
    total: Curve
    total_evaluation: Curve


def summarise(parquet: Path) -> RunSummary:
    """Summarise a record, one row group in memory at a time. Rows without a step were not part of training, and are left out."""
    by_reward, by_component, by_total, weights = [], [], [], {}
    for rows in _row_groups(parquet):
        # The rubric's order, as every completion has it; the latest weight where a resumed run changed it.
        for name, weight in zip(*(rows[key].to_pylist() for key in ("reward", "weight")), strict=True):
            weights[name] = weight
        by_reward.append(_reward_sums(rows))
        by_component.append(_component_sums(rows))
        by_total.append(_total_sums(rows))
    rewards, components, totals = _Sums(by_reward), _Sums(by_component), _Sums(by_total)
    names: dict[str, list[str]] = {}
    for reward, component in sorted({(key[1], key[2]) for key in components.keys}):
        names.setdefault(reward, []).append(component)
    return RunSummary(
        [
            RewardSummary(
                name,
                weight,
                mean=rewards.curve(("train", name), "score", "count"),
                evaluation=rewards.curve(("eval", name), "score", "count"),
                unparsed=rewards.rates(("train", name), "unparsed_rate"),
                errors=rewards.rates(("train", name), "error_rate"),
                tally=rewards.tally(("train", name)),
                components={key: components.curve(("train", name, key), "score", "count") for key in names.get(name, ())},
            )
            for name, weight in weights.items()
        ],
        totals.curve(("train",), "score", "count"),
        totals.curve(("eval",), "score", "count"),
    )


def _row_groups(parquet: Path) -> Iterator[pa.Table]:
    columns = ["step", "mode", "rank", "index", "reward", "score", "weight", "outcome", "failed", "scorable", "gate", "components"]
    with pq.ParquetFile(parquet) as file:
        for i in range(file.num_row_groups):
            rows = file.read_row_group(i, columns=columns)
            rows = rows.filter(pc.is_valid(rows["step"]))
            if rows.num_rows:
                yield rows


def _reward_sums(rows: pa.Table) -> pa.Table:
    rows = pa.table(
        {
            **{name: rows[name] for name in ("mode", "reward", "step", "score")},
            **{name: values.cast(pa.int64()) for name, values in _counted(rows).items()},
        }
    )
    return _sum_by(rows, ["mode", "reward", "step"])


def _counted(rows: pa.Table) -> dict[str, Any]:
    """The fields of a Tally that are counts of rows, as a truth value for each row."""
    has_score, left_out = pc.is_valid(rows["score"]), pc.and_(pc.is_valid(rows["score"]), pc.invert(rows["scorable"]))
    no_answer = pc.equal(rows["outcome"], Outcome.UNPARSED.value)
    return {
        "rows": pc.is_valid(rows["step"]),
        "count": has_score,
        "skipped": pc.equal(rows["outcome"], Outcome.SKIPPED.value),
        "no_answer": no_answer,
        "unparsed": pc.and_(no_answer, pc.invert(left_out)),
        "failed": rows["failed"],
        "left_out": left_out,
        "timeouts": pc.equal(rows["outcome"], Outcome.TIMEOUT.value),
        "gated": pc.is_valid(rows["gate"]),
        "gate_closed": pc.equal(rows["gate"], False).fill_null(False),
    }


def _component_sums(rows: pa.Table) -> pa.Table:
    components = rows["components"].combine_chunks()
    names, scores = components.flatten().flatten()
    owners = rows.select(["mode", "reward", "step"]).take(pc.list_parent_indices(components))
    values = {"component": names, "step": owners["step"], "score": scores, "count": pc.is_valid(scores).cast(pa.int64())}
    return _sum_by(pa.table({"mode": owners["mode"], "reward": owners["reward"], **values}), ["mode", "reward", "component", "step"])


def _total_sums(rows: pa.Table) -> pa.Table:
    """Totals as TRL makes them: absent scores count nothing, a completion without any has no total, nor has an unscorable one; metrics are left out."""
    trained = rows.filter(pc.not_equal(rows["weight"], 0.0))
    counted = pc.if_else(trained["scorable"], pc.multiply(trained["score"], trained["weight"]), pa.scalar(None, pa.float64()))
    weighted = trained.append_column("total", counted)
    completions = weighted.group_by(["mode", "step", "rank", "index"]).aggregate([("total", "sum")])
    total = completions["total_sum"]
    values = {"step": completions["step"], "score": total, "count": pc.is_valid(total).cast(pa.int64())}
    return _sum_by(pa.table({"mode": completions["mode"], **values}), ["mode", "step"])


def _sum_by(rows: pa.Table, keys: list[str]) -> pa.Table:
    """Sums of all other columns by `keys`; null where all are."""
    values = [name for name in rows.column_names if name not in keys]
    sums = rows.group_by(keys).aggregate([(name, "sum") for name in values])
    return sums.rename_columns([*keys, *values])


class _Sums:
    """Sums by keys, the last of which is the step."""

    def __init__(self, tables: list[pa.Table]) -> None:
        self._rows: dict[tuple[str, ...], list[dict[str, float]]] = {}
        if tables:
            merged = pa.concat_tables(tables)
            keys = merged.column_names[: merged.column_names.index("step") + 1]
            for row in _sum_by(merged, keys).sort_by("step").to_pylist():
                self._rows.setdefault(tuple(row[key] for key in keys[:-1]), []).append(row)

    @property
    def keys(self) -> list[tuple[str, ...]]:
        return list(self._rows)

    def curve(self, key: tuple[str, ...], numerator: str, denominator: str) -> Curve:
        rows = self._rows.get(key, [])
        return Curve(
            np.array([row["step"] for row in rows], np.int64),
            np.array([_ratio(row[numerator], row[denominator]) for row in rows], float),
        )

    def rates(self, key: tuple[str, ...], rate: str) -> Curve:
        """One of a Tally's rates by step; NaN where there is none."""
        rows = self._rows.get(key, [])
        values = [_tally(row).rates()[rate] for row in rows]
        return Curve(np.array([row["step"] for row in rows], np.int64), np.array([math.nan if v is None else v for v in values], float))

    def tally(self, key: tuple[str, ...]) -> Tally:
        """What became of the rows of all steps."""
        whole = Tally()
        for row in self._rows.get(key, []):
            whole.merge(_tally(row))
        return whole


def _tally(row: dict[str, float]) -> Tally:
    """The tally of one step, from its sums."""
    counts = {name: int(row[name]) for name in ("rows", "skipped", "unparsed", "failed", "left_out", "no_answer", "timeouts", "gated", "gate_closed")}
    count = int(row["count"])
    return Tally(**counts, count=count, mean=row["score"] / count if count else 0.0)


def _ratio(numerator: float | None, denominator: float) -> float:
    return math.nan if numerator is None or not denominator else numerator / denominator


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan
