"""An evaluated batch in a notebook: what became of the rows, and the first ones with their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.notebook import cell, code, frame, number, table

__all__ = ["evaluation_html"]

_ROWS = 8
_TEXT = 300


def evaluation_html(samples: Sequence[Any], columns: Mapping[str, Any], totals: Sequence[float | None]) -> str:
    """The HTML of an Evaluation of N samples.

    Args:
        columns: reward name -> RewardColumn.
        totals: N weighted totals.
    """
    known = [total for total in totals if total is not None]
    mean = f", mean total {number(sum(known) / len(known))}" if known else ""
    left_out = sum(total is None for total in totals)
    title = f"Evaluation: {len(samples)} sample{'s' * (len(samples) != 1)}{mean}" + (f", {left_out} without a total" if left_out else "")
    heads = ["reward", "weight", "mean", "outcomes", "seconds"]
    rows = [_summary(name, column) for name, column in columns.items()]
    shown = [_sample(i, samples[i], columns, totals[i]) for i in range(min(_ROWS, len(samples)))]
    more = f"the first {_ROWS} of {len(samples)} samples" if len(samples) > _ROWS else None
    return frame(title, table(heads, rows), table(["sample", "response", "total", *columns], shown) if shown else None, more)


def _summary(name: str, column: Any) -> list[Any]:
    scores = [score for score in column.scores if score is not None]
    outcomes = Counter(outcome.value for outcome in column.outcomes)
    weight = f"{column.reward.weight:g}" if column.reward.weight else "metric"
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return [name, weight, sum(scores) / len(scores) if scores else "–", said, float(column.seconds)]


def _sample(i: int, sample: Any, columns: Mapping[str, Any], total: float | None) -> list[Any]:
    return [i, code(sample.response, _TEXT), "–" if total is None else total, *(_score(column, i) for column in columns.values())]


def _score(column: Any, i: int) -> str:
    """The score, with the outcome where that is not `scored`; the reason on hover."""
    score, result = column.scores[i], column.results[i]
    outcome = column.outcomes[i].value
    shown = number(score) if outcome == "scored" else f"{number(score)} {outcome}" if score is not None else outcome
    reason = result.error or result.reason
    return cell(shown, None if reason is None else str(reason)[:_TEXT])
