"""What a reward logs beside TRL's own mean and std: rates, extremes, components, and columns of the completions table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from rl_rewards.evaluation.aggregates import Tally, component_means
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types import EvaluateResult

__all__ = ["LogMetric", "log_components", "log_extras", "log_numbers", "numbers_of"]

LogMetric = Callable[[str, float], None]

# Longest text of a parsed answer or reason in the completions table, in characters; the record of a run keeps them whole.
_TABLE_TEXT = 500


def numbers_of(evaluation: Evaluation, name: str, tally: Tally) -> dict[str, float | None]:
    """What is logged of a reward, under fixed keys; None where there is no number.

    Rates are those of a Tally: shares of the rows that the reward applied to. `min` and `max` are of its final scores. `seconds` is wall
    time of the batch.
    """
    key = f"rewards/{name}/"
    numbers: dict[str, float | None] = {key + rate: value for rate, value in tally.rates().items()}
    if evaluation.columns[name].reward.gate is None:
        del numbers[key + "gate_closed_rate"]
    numbers[key + "min"] = tally.low if tally.count else None
    numbers[key + "max"] = tally.high if tally.count else None
    numbers[key + "seconds"] = evaluation.columns[name].seconds
    return numbers


def log_numbers(evaluation: Evaluation, name: str, tally: Tally, log_metric: LogMetric, world_size: int) -> None:
    """Log a reward's numbers.

    With several processes TRL averages what each logged; so a rate is logged once for each row that it is a share of, which makes the
    average that of all rows.
    """
    for key, value in numbers_of(evaluation, name, tally).items():
        if value is None:
            _log_absence(key, log_metric, world_size)
            continue
        shares = tally.rows if key.endswith("/skipped_rate") else tally.gated if key.endswith("/gate_closed_rate") else tally.applied
        for _ in range(shares if world_size > 1 and key.endswith("_rate") else 1):
            log_metric(key, value)


def log_components(evaluation: Evaluation, name: str, log_metric: LogMetric, known: set[str], world_size: int) -> None:
    """Log the mean of every component; one that was seen before keeps its key on steps without a value.

    Args:
        known: names seen so far; those of this batch are added.
    """
    found = component_means(evaluation, name)
    known.update(found)
    for component in sorted(known):
        key = f"rewards/{name}/components/{component}"
        if component not in found:
            _log_absence(key, log_metric, world_size)
            continue
        mean, count = found[component]
        for _ in range(count if world_size > 1 else 1):
            log_metric(key, mean)


def _log_absence(key: str, log_metric: LogMetric, world_size: int) -> None:
    """Keep the key in every log row: TRL logs NaN as None. With several processes a NaN would wipe out the others' values."""
    if world_size == 1:
        log_metric(key, float("nan"))


def log_extras(evaluation: Evaluation, name: str, log_extra: Callable[[str, list], None]) -> None:
    """Columns of the completions table, full length on every step: TRL reports stale values for one that is logged on some steps only."""
    column = evaluation.columns[name]
    log_extra(f"{name}/parsed", [_cell(answer) for answer in column.answers])
    log_extra(f"{name}/outcome", [outcome.value for outcome in column.outcomes])
    log_extra(f"{name}/reason", _reason_cells(column.results))


def _reason_cells(results: Sequence[EvaluateResult]) -> list[str | None]:
    """Reasons are few and repeated, so each is made a cell once."""
    cells: dict[str | None, str | None] = {}
    reasons = [result.error or result.reason for result in results]
    for reason in set(reasons):
        cells[reason] = _cell(reason)
    return [cells[reason] for reason in reasons]


def _cell(value: Any) -> str | None:
    """Short text that every table writer takes: parquet refuses lone surrogates and columns of mixed types."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = text if len(text) <= _TABLE_TEXT else text[: _TABLE_TEXT - 3] + "..."
    return short if text.isascii() else short.encode("utf-8", "replace").decode("utf-8")
