"""What a reward logs beside TRL's own mean and std: rates, extremes, components, and a column of the completions table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rl_rewards.evaluation.aggregates import Tally, component_means
from rl_rewards.parsers.identity import Identity
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types import Outcome

__all__ = ["LogMetric", "log_components", "log_details", "log_numbers", "numbers_of"]

LogMetric = Callable[[str, float], None]

_SCORED = Outcome.SCORED  # looked up once: enum members are slow to reach
# Longest text of a parsed answer and of a reason in the completions table, in characters; the record of a run keeps them whole.
_TABLE_ANSWER = 80
_TABLE_REASON = 200


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


def log_details(evaluation: Evaluation, column: str, log_extra: Callable[[str, list], None]) -> None:
    """One column of the completions table: in each row a line for each reward that has something to say beside its score.

    One column and not several for each reward, since TRL prints them all side by side in a terminal; the record of a run has the rest. It has
    its full length on every step: TRL reports stale values for one that is logged on some steps only.
    """
    lines: list[list[str]] = [[] for _ in evaluation.samples]
    for name, rewards in evaluation.columns.items():
        whole = isinstance(rewards.reward.parse, Identity)  # then the answer is the response, which the table has anyway
        known: dict[Any, str] = {}  # outcomes and reasons are few and repeated
        for row, answer, result in zip(lines, rewards.answers, rewards.results, strict=True):
            outcome, reason = result.outcome, result.error or result.reason
            if whole or answer is None:
                key = reason if outcome is _SCORED else (outcome, reason)
                text = known.get(key)
                if text is None:
                    text = known[key] = _line(name, outcome, None, reason)
            else:
                text = _line(name, outcome, answer, reason)
            if text:
                row.append(text)
    log_extra(column, ["\n".join(row) for row in lines])


def _line(name: str, outcome: Outcome, answer: Any, reason: str | None) -> str:
    """What a reward has to say of a row; nothing of one that it does not apply to."""
    if outcome is Outcome.SKIPPED:
        return ""
    parts = [] if outcome is Outcome.SCORED else [outcome.value]
    if answer is not None:
        parts.append(_cell(answer, _TABLE_ANSWER))
    if reason:
        parts.append(_cell(reason, _TABLE_REASON))
    return f"{name}: {', '.join(parts)}" if parts else ""


def _cell(value: Any, longest: int) -> str:
    """Short text that every table writer takes: parquet refuses lone surrogates and columns of mixed types."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = text if len(text) <= longest else text[: longest - 3] + "..."
    return short if short.isascii() else short.encode("utf-8", "replace").decode("utf-8")
