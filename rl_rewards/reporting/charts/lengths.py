"""Charts of length and reward together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rl_rewards.reporting.charts.parts import curve_figure
from rl_rewards.reporting.curves import curve_of, quantiles_by
from rl_rewards.reporting.figures import Figure, columns, hue, step_bins
from rl_rewards.reporting.groups import right_of
from rl_rewards.reporting.run import Run

__all__ = ["length_figures"]


def length_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Length over the steps, of right and wrong completions, and the total by length."""
    units = {run.lengths[1] for run in runs}
    unit = "tokens" if units == {"tokens"} else "characters"
    lengths = [run.lengths[0] if unit == "tokens" else run.characters for run in runs]
    every = list(enumerate(runs))
    figures = []
    if stepped := [(i, run) for i, run in every if run.stepped]:
        figures.append(curve_figure("length", "Length", stepped, names, [lengths[i] for i, _ in stepped], hue(5), unit))
        figures[0].defined = "length"
    if len(runs) == 1 and runs[0].stepped:
        figures += _length_of_right(runs[0], lengths[0], unit)
    figures.append(_by_length(every, names, lengths, unit))
    return figures


def _length_of_right(run: Run, lengths: np.ndarray, unit: str) -> Iterator[Figure]:
    for i, reward in enumerate(run.rewards):
        right = right_of(run, reward)
        if right is None or run.weights[i] == 0 or len(np.unique(right[np.isfinite(right)])) < 2:
            continue
        steps, _ = step_bins(run.step)
        labels = [f"{reward}: right", f"{reward}: wrong"]
        curves = [curve_of(np.where(right == value, lengths, np.nan), steps, run.trained) for value in (1, 0)]
        points = columns(
            series=[np.repeat(label, len(curve.steps)) for label, curve in zip(labels, curves, strict=True)],
            step=[curve.steps for curve in curves],
            value=[curve.mean for curve in curves],
            count=[curve.count for curve in curves],
        )
        yield Figure(
            f"length-right-{i}",
            f"Mean length, right and wrong: {reward}",
            "lines",
            points,
            labels,
            ["--hue-2", "--hue-1"],
            defined="length",
            subtitle=unit,
        )


def _by_length(every: Sequence[tuple[int, Run]], names: Sequence[str], lengths: Sequence[np.ndarray], unit: str) -> Figure:
    """Mean total in ten ranges of length with equally many completions each."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("series", "middle", "from", "to", "value", "count")}
    for (i, run), length in zip(every, lengths, strict=True):
        here = run.trained & np.isfinite(length) & np.isfinite(run.total)
        if not here.any():
            continue
        edges = np.unique(np.quantile(length[here], np.linspace(0, 1, 11), method="nearest"))
        place = np.clip(np.searchsorted(edges, length[here], side="right") - 1, 0, max(len(edges) - 2, 0))
        size = max(len(edges) - 1, 1)
        count, sums = np.bincount(place, minlength=size), np.bincount(place, run.total[here], size)
        low, middle, high = quantiles_by(length[here], place, size, (0.0, 0.5, 1.0))
        kept = count > 0
        shown = (np.repeat(names[i], kept.sum()), middle[kept], low[kept], high[kept], (sums / np.maximum(count, 1))[kept], count[kept])
        for name, values in zip(parts, shown, strict=True):
            parts[name].append(values)
    alone = len(names) == 1
    says = "Mean total of completions in ten ranges of length with equally many completions each."
    return Figure(
        "by-length",
        "Total by length",
        "bins",
        columns(**parts),
        list(names),
        [hue(5)] if alone else [hue(i) for i, _ in every],
        says,
        "total by length",
        subtitle=unit,
    )
