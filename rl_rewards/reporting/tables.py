"""The report's tables of numbers: what each reward came to, the ledger, evaluation, and what the run was made of."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.definitions import term
from rl_rewards.reporting.evaluations import Side, difference_of, mean_of, sides_of
from rl_rewards.reporting.groups import Groups, right_groups, variance_shares
from rl_rewards.reporting.html import Markup, cell, number, table, tag
from rl_rewards.reporting.run import Run

__all__ = ["course_of", "evaluation_table", "group_table", "ledger_table", "provenance", "score_table"]


def course_of(values: np.ndarray, run: Run) -> tuple[float, float]:
    """Means over the first and the last tenth of the steps of each step's mean."""
    mean = curve_of(values, run.step, run.trained).mean
    tenth = math.ceil(len(mean) / 10)
    return _mean(mean[:tenth]), _mean(mean[-tenth:])


def _mean(values: np.ndarray) -> float:
    found = values[np.isfinite(values)]
    return float(found.mean()) if len(found) else float("nan")


def score_table(run: Run, groups: Groups) -> Markup:
    """Each reward over the whole run: its mean, spread, start and end, and share of the advantage."""
    steps = len(np.unique(run.step[run.trained])) > 1
    shares = variance_shares(run, groups, np.zeros(len(groups.size), int), 1)[0] if len(groups.size) else np.full(len(run.rewards), np.nan)
    heads = ["reward", term("weight"), term("mean"), term("p10 to p90", "p10"), term("p10 to p90", "p90")]
    heads += [term("start"), term("end"), term("change")] if steps else []
    heads += [term("variance share")]
    rows = []
    for place, name in enumerate([*run.rewards, "total"]):
        whole = name == "total" and place == len(run.rewards)
        values = run.total if whole else run.scores[:, place]
        found = values[run.trained & np.isfinite(values)]
        spread = np.quantile(found, [0.1, 0.9]).tolist() if len(found) else [math.nan, math.nan]
        weight = math.nan if whole else float(run.weights[place])
        shown = tag("td", "" if whole else "metric" if weight == 0 else "–" if math.isnan(weight) else f"{weight:g}", class_="number")
        start, end = course_of(values, run) if steps else (math.nan, math.nan)
        cells = [shown, cell(float(found.mean()) if len(found) else math.nan), *map(cell, spread)]
        cells += [cell(start), cell(end), _change(end - start)] if steps else []
        cells += [tag("td") if whole else cell(float(shares[place]), "share")]
        rows.append([tag("strong", name) if whole else name, *cells])
    return table("Scores over the whole run", heads, rows, class_="numbers-table scores")


def _change(value: float) -> Markup:
    if math.isnan(value):
        return cell(value)
    sign = "+" if value > 0 else ""
    return tag(
        "td",
        f"{sign}{number(value)}",
        class_=f"number {'up' if value > 0 else 'down' if value < 0 else ''}",
        data_value=repr(value),
        title=repr(value),
    )


def ledger_table(run: Run, where: np.ndarray, caption: str) -> Markup:
    """What became of each reward's rows."""
    kinds = ["rows", "scored", "unparsed", "skipped", "failed", "left_out"]
    rows = []
    for name, counts in run.ledger(where).items():
        bar = tag(
            "td",
            tag("span", [tag("i", data_share=counts[kind] / max(counts["rows"], 1), class_=kind) for kind in kinds[1:]], class_="bar"),
            aria_hidden="true",
        )
        rows.append([name, *(cell(counts[kind]) for kind in kinds), bar])
    heads = [term(kind.replace("_", " ")) for kind in kinds]
    return table(caption, ["reward", *heads, tag("span", "shares", class_="visually-hidden")], rows, class_="numbers-table ledger")


def group_table(run: Run, groups: Groups) -> Markup | None:
    """How many groups carry a gradient, and by each reward that says what is right how many are mixed, seen and predicted."""
    if not len(groups.size):
        return None
    rows = [["total", cell(len(groups.size)), cell(float(groups.useful.mean()), "share"), *[tag("td", class_="number")] * 4]]
    for name, weight in zip(run.rewards, run.weights, strict=True):
        found = right_groups(run, groups, name) if weight != 0 else None
        if found is not None and len(found.size):
            shares = [cell(float(mask.mean()), "share") for mask in found.kinds.values()]
            rows.append([name, cell(len(found.size)), tag("td", class_="number"), *shares, cell(float(found.predicted.mean()), "share")])
    heads = ["by", term("groups"), term("useful groups"), term("all right"), term("mixed"), term("all wrong"), term("predicted", "mixed, predicted")]
    return table("Groups over the whole run", heads, rows, class_="numbers-table")


def evaluation_table(runs: Sequence[Run], names: Sequence[str]) -> Markup | None:
    """Each reward's mean and interval on every side, and the difference of the last from the first."""
    sides = sides_of(runs, names)
    if not sides:
        return None
    rewards = list(dict.fromkeys(name for side in sides for name in side.run.rewards))
    paired = len(sides) > 1
    heads = [
        "reward",
        *(term("interval", side.name) for side in sides),
        *([term("difference", f"difference: {sides[-1].name} − {sides[0].name}")] if paired else []),
    ]
    rows = [
        [name, *(_interval_cell(side, name) for side in sides), *([_difference_cell(sides[0], sides[-1], name)] if paired else [])]
        for name in [*rewards, "total"]
    ]
    return table("Evaluation: means with 95 % intervals", heads, rows, class_="numbers-table evaluation")


def _interval_cell(side: Side, reward: str) -> Markup:
    (mean, low, high), count = mean_of(side, reward)
    if mean is None:
        return cell(math.nan)
    ends = "" if low is None or high is None else f"{number(low)} to {number(high)}"
    return tag("td", number(mean), tag("span", ends, class_="ends"), class_="number", data_value=repr(mean), title=f"{mean!r} over {count:,} rows")


def _difference_cell(before: Side, after: Side, reward: str) -> Markup:
    found = difference_of(before, after, reward)
    if found is None:
        return tag("td", "no common prompt", class_="muted")
    mean, low, high, prompts = found
    ends = "" if low is None or high is None else f"{number(low)} to {number(high)}"
    clear = low is not None and high is not None and (low > 0 or high < 0)
    direction = ("up" if mean > 0 else "down") if clear else ""
    shown = f"{'+' if mean > 0 else ''}{number(mean)}"
    return tag(
        "td", shown, tag("span", ends, class_="ends"), class_=f"number {direction}", data_value=repr(mean), title=f"{mean!r} over {prompts:,} prompts"
    )


def provenance(run: Run) -> list[Markup]:
    """The rubric, the configuration and the versions, as they were."""
    parts = []
    if run.rubric:
        parts.append(tag("details", tag("summary", "Rubric"), tag("pre", run.rubric, class_="text"), open=True))
    if run.config:
        rows = [
            (name, tag("td", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)))
            for name, value in sorted(run.config.items())
        ]
        parts.append(
            tag(
                "details",
                tag("summary", f"Configuration ({len(rows)} settings)"),
                table("Configuration", ["setting", "value"], rows, class_="settings"),
            )
        )
    if run.versions:
        rows = [(name, tag("td", value)) for name, value in run.versions.items()]
        parts.append(tag("details", tag("summary", "Versions"), table("Versions", ["package", "version"], rows, class_="settings")))
    return parts
