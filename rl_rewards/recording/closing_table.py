"""The table in the terminal at the end of a run."""

from __future__ import annotations

import math

from rich.table import Table
from rich.text import Text

from rl_rewards.recording.summary import Curve, RunSummary

__all__ = ["closing_table"]


def closing_table(summary: RunSummary) -> Table:
    """Each reward's start and end (means over the first and last tenth of the steps), error and unparsed rates over the whole run.

    Rows that were left out, since a weighted reward failed there, are counted in the caption.
    """
    left_out = max((reward.tally.left_out for reward in summary.rewards), default=0)
    caption = "start, end: means over the first and last tenth of the steps" + (f"; {left_out} rows left out" if left_out else "")
    table = Table(title="Rewards of this run, training", title_justify="left", caption=caption)
    table.add_column("reward")
    for heading in ("weight", "start", "end", "change", "errors", "unparsed"):
        table.add_column(heading, justify="right")
    for reward in summary.rewards:
        weight = Text("metric", style="dim") if reward.weight == 0 else f"{reward.weight:g}"
        rates = reward.tally.rates()
        table.add_row(reward.name, weight, *_course(reward.mean), _rate(rates["error_rate"], "red"), _rate(rates["unparsed_rate"], "yellow"))
    table.add_section()
    table.add_row("total", "", *_course(summary.total), "", "", style="bold")
    return table


def _course(curve: Curve) -> tuple[str, str, Text]:
    change = curve.end - curve.start
    style = "dim" if math.isnan(change) or abs(change) < 0.0005 else "green" if change > 0 else "red"
    return _number(curve.start), _number(curve.end), Text(_number(change, "+"), style=style)


def _number(value: float, sign: str = "") -> str:
    return "–" if math.isnan(value) else f"{value:{sign}.3f}"


def _rate(rate: float | None, style: str) -> Text:
    return Text("–" if rate is None else f"{rate:.1%}", style=style if rate else "dim")
