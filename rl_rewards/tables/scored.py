"""Scored rows: what scoring adds to a row, in the same form in JSONL and in Parquet.

    score        weighted total of the rewards' scores; null where no reward gave one
    scores       reward -> its score after clip, gate and `on_error`, or null
    outcomes     reward -> `scored`, `unparsed`, `skipped`, `timeout`, `crashed`, `unsupported` or `error`
    reasons      reward -> its reason, or what went wrong, or null
    components   reward -> list of {name, score, reason}

Every reward is a key in every row, so that the columns have one type throughout the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types import EvaluateResult, MetricResult
from rl_rewards.types.components import component_score

ADDED = ("score", "scores", "outcomes", "reasons", "components")


def scored_rows(rows: Sequence[Mapping[str, Any]], result: Evaluation) -> Iterator[dict[str, Any]]:
    """The rows of a batch with what scoring adds; columns of these names that they had are replaced."""
    columns = result.columns
    for i, (row, total) in enumerate(zip(rows, result.totals(), strict=True)):
        results = {name: column.results[i] for name, column in columns.items()}
        yield {
            **row,
            "score": total,
            "scores": {name: column.scores[i] for name, column in columns.items()},
            "outcomes": {name: result.outcome.value for name, result in results.items()},
            "reasons": {name: result.error or result.reason for name, result in results.items()},
            "components": {name: components(result) for name, result in results.items()},
        }


def components(result: EvaluateResult) -> list[dict[str, Any]]:
    """The components of a result; a number that is not valid is null."""
    return [
        {
            "name": name,
            "score": component_score(component),
            "reason": component.reason or None if isinstance(component, MetricResult) else None,
        }
        for name, component in result.metrics.items()
    ]


def added_fields(reward_names: list[str]) -> list[Any]:
    """The added columns as pyarrow fields."""
    import pyarrow as pa

    def by_reward(kind: Any) -> Any:
        return pa.struct([pa.field(name, kind) for name in reward_names])

    component = pa.struct([pa.field("name", pa.string()), pa.field("score", pa.float64()), pa.field("reason", pa.string())])
    types = (pa.float64(), by_reward(pa.float64()), by_reward(pa.string()), by_reward(pa.string()), by_reward(pa.list_(component)))
    return [pa.field(name, kind) for name, kind in zip(ADDED, types, strict=True)]
