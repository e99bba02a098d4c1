"""A scored batch as what a grading Lambda function of Amazon Bedrock returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types.components import component_score

__all__ = ["scored"]


def scored(rows: Sequence[Mapping[str, Any]], evaluation: Evaluation, start: int = 0) -> Iterator[dict[str, Any]]:
    """{id, aggregate_reward_score, metrics_list: [{name, value, type: Reward or Metric}]} for each row.

    The aggregate is the weighted total, null where a row has none. A reward that is trained on is of type Reward; one of weight 0 and the
    components, named `reward/component`, are Metrics. What has no score is left out of the list.

    Args:
        rows: N rows; their `id` is kept, other rows are counted.
        start: the number of the first row.
    """
    for i, (row, total) in enumerate(zip(rows, evaluation.totals(), strict=True)):
        metrics = []
        for name, column in evaluation.columns.items():
            if (score := column.scores[i]) is not None:
                metrics.append({"name": name, "value": score, "type": "Reward" if column.reward.weight else "Metric"})
            for component, value in column.results[i].metrics.items():
                if (number := component_score(value)) is not None:
                    metrics.append({"name": f"{name}/{component}", "value": number, "type": "Metric"})
        identifier = row.get("id")
        yield {"id": str(start + i if identifier is None else identifier), "aggregate_reward_score": total, "metrics_list": metrics}
