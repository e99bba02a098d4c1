"""The page's first view: what the run came to in a few numbers and a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.definitions import term
from rl_rewards.reporting.figures import HUES
from rl_rewards.reporting.groups import Groups
from rl_rewards.reporting.html import Markup, cell, number, percent, table, tag
from rl_rewards.reporting.run import OUTCOMES, Run
from rl_rewards.reporting.tables import course_of

__all__ = ["measures", "overview"]


def measures(run: Run, groups: Groups) -> list[tuple[str, float | int, str]]:
    """A run's main numbers: definition's name, value, and `number`, `share` or `change`."""
    trained = run.trained
    unparsed, failed = np.any(run.outcomes == OUTCOMES.index("unparsed"), axis=1), np.any(run.failed, axis=1)
    steps = len(np.unique(run.step[trained & (run.step >= 0)]))
    total = run.total[trained & np.isfinite(run.total)]
    found: list[tuple[str, float | int, str]] = [("completions", int(trained.sum()), "number")]
    if steps:
        found.append(("steps", steps, "number"))
    found.append(("mean", float(total.mean()) if len(total) else math.nan, "number"))
    if steps > 1:
        start, end = course_of(run.total, run)
        found += [("start", start, "number"), ("end", end, "number")]
    if len(groups.size):
        found += [
            ("groups", len(groups.size), "number"),
            ("useful groups", float(groups.useful.mean()), "share"),
            ("effective reward", groups.effective_reward, "number"),
        ]
    found += [("unparsed rate", float(unparsed[trained].mean()), "share"), ("failures", int(failed[trained].sum()), "number")]
    return found


def overview(runs: Sequence[Run], names: Sequence[str], groups: Sequence[Groups]) -> list[Markup]:
    """A sentence and tiles for one run, a table for several."""
    found = [measures(run, each) for run, each in zip(runs, groups, strict=True)]
    if len(runs) == 1:
        return [tag("p", _sentence(runs[0], found[0]), class_="lead"), _tiles(found[0])]
    kinds = list(dict.fromkeys((name, kind) for each in found for name, _, kind in each))
    values = [{name: value for name, value, _ in each} for each in found]
    heads = ["", *([tag("span", class_="key", data_colour=f"--hue-{i % HUES}"), name] for i, name in enumerate(names))]
    rows = [[term(name, _LABELS.get(name)), *(cell(each.get(name, math.nan), kind) for each in values)] for name, kind in kinds]
    return [table("The runs", heads, rows, class_="numbers-table")]


_LABELS = {"mean": "mean total", "start": "total at start", "end": "total at end", "failures": "with failures"}


def _tiles(found: Sequence[tuple[str, float | int, str]]) -> Markup:
    tiles = []
    for name, value, kind in found:
        shown = percent(value) if kind == "share" else number(value)
        whole = None if isinstance(value, float) and math.isnan(value) else repr(value)
        tiles.append(
            tag("div", tag("dt", term(name, _LABELS.get(name))), tag("dd", shown, data_value=whole, title=whole), class_="tile", data_measure=name)
        )
    return tag("dl", tiles, class_="tiles")


def _sentence(run: Run, found: Sequence[tuple[str, float | int, str]]) -> str:
    values = {name: value for name, value, _ in found}
    prompts = len(np.unique(run.prompt[run.trained & (run.prompt >= 0)]))
    said = _counted(values["completions"], "completion") + (f" to {_counted(prompts, 'prompt')}" if prompts else "")
    said += f", scored over {_counted(values['steps'], 'step')}." if "steps" in values else "."
    if "start" in values and not math.isnan(values["start"]):
        start, end = values["start"], values["end"]
        verb = "rose" if end > start else "fell" if end < start else "stayed"
        said += f" The total {verb} from {number(start)} to {number(end)}." if verb != "stayed" else f" The total stayed at {number(end)}."
    elif not math.isnan(values["mean"]):
        said += f" The mean total is {number(values['mean'])}."
    if "useful groups" in values:
        said += f" {percent(values['useful groups'])} of the groups carried a gradient."
    return said


def _counted(count: float, what: str) -> str:
    return f"{number(count)} {what}{'s' * (count != 1)}"
