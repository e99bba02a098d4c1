"""The numbers of an evaluation as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from rl_rewards.aggregates.base import Number
    from rl_rewards.evaluation.summary import EvaluationSummary

__all__ = ["summary_notes", "summary_table"]


def summary_table(summary: EvaluationSummary) -> Table:
    """One line for each number: value, 95 % interval, what it is taken over, and which way is better."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("number", "value", "95 % interval", "over", "better"):
        table.add_column(heading, justify="left" if heading in ("number", "better") else "right", no_wrap=heading != "number", overflow="fold")
    for result in summary.results():
        for number in result.numbers:
            name = result.key(number).removeprefix("rewards/")
            table.add_row(*map(Text, (name, _value(number.value), _interval(number), f"{number.of:,} {number.unit}", number.direction or "-")))
    return table


def summary_notes(summary: EvaluationSummary) -> list[str]:
    """What was left out of the numbers, and how responses without an answer count: a line for each kind, once."""
    notes: dict[str, list[str]] = {}
    for result in summary.results():
        coverage, where = result.coverage, "/".join([result.reward, *([result.name] if result.name else [])])
        for number in result.numbers:
            if number.note and number.note not in notes.setdefault(f"{where}/{number.name}", []):
                notes[f"{where}/{number.name}"].append(number.note)
        of = notes.setdefault(where, [])
        counts = (
            (coverage.no_answer, "without an answer, which count as wrong"),
            (coverage.failed, f"failed and left out of every number, the first: {coverage.problem}"),
            (coverage.no_reference, f"without a reference and left out of {result.kind}, the first: {coverage.problem}"),
        )
        for line in [f"{count:,} of {coverage.rows - coverage.skipped:,} rows {what}" for count, what in counts if count]:
            if line not in of:
                of.append(line)
    return [f"{name}: {line}" for name, lines in notes.items() for line in lines]


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _interval(number: Number) -> str:
    return "-" if number.low is None or number.high is None else f"{number.low:.4f} to {number.high:.4f}"
