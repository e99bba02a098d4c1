"""What the charts over steps are made of: curves, lines and stacks as figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.figures import Figure, columns, hue, step_bins
from rl_rewards.reporting.run import Run

__all__ = ["STACK_STEPS", "Bins", "bins_of", "course", "curve_figure", "line_figure", "rewards_of", "stack_figure", "stacked"]

STACK_STEPS = 60
"""Bars of a stack; beyond, neighbouring steps are taken together."""


def rewards_of(runs: Sequence[Run]) -> list[str]:
    """The rewards of all runs, in the first one's order."""
    return list(dict.fromkeys(name for run in runs for name in run.rewards))


def curve_figure(
    id: str, title: str, here: Sequence[tuple[int, Run]], names: Sequence[str], values: Sequence[np.ndarray], colour: str, subtitle: str
) -> Figure:
    curves, together = [], 1
    for (_, run), found in zip(here, values, strict=True):
        steps, joined = step_bins(run.step)
        together = max(together, joined)
        curves.append(curve_of(found, steps, run.trained))
    alone = len(names) == 1
    points = columns(
        series=[np.repeat(names[i], len(curve.steps)) for (i, _), curve in zip(here, curves, strict=True)],
        step=[curve.steps for curve in curves],
        mean=[curve.mean for curve in curves],
        low=[curve.low for curve in curves],
        high=[curve.high for curve in curves],
        count=[curve.count for curve in curves],
    )
    says = "; ".join(course(names[i], curve.mean, alone) for (i, _), curve in zip(here, curves, strict=True))
    note = f"Each point is {together} steps." if together > 1 and any(np.isfinite(curve.mean).any() for curve in curves) else None
    colours = [colour] if alone else [hue(i) for i, _ in here]
    return Figure(id, title, "curve", points, [names[i] for i, _ in here], colours, says, "curve", note, subtitle, legend=False)


def course(name: str, mean: np.ndarray, alone: bool) -> str:
    found = mean[np.isfinite(mean)]
    who = "" if alone else f"{name}: "
    return (
        f"{who}no scores" if not len(found) else f"{who}from {found[0]:.3g} to {found[-1]:.3g}, lowest {found.min():.3g}, highest {found.max():.3g}"
    )


def line_figure(
    id: str, title: str, here: Sequence[tuple[int, Run]], names: Sequence[str], values: Sequence[np.ndarray], colours: Sequence[str]
) -> Figure:
    """Means over the steps, one line for each run."""
    curves = [curve_of(found, step_bins(run.step)[0], run.trained) for (_, run), found in zip(here, values, strict=True)]
    points = columns(
        series=[np.repeat(names[i], len(curve.steps)) for (i, _), curve in zip(here, curves, strict=True)],
        step=[curve.steps for curve in curves],
        value=[curve.mean for curve in curves],
        count=[curve.count for curve in curves],
    )
    alone = len(names) == 1
    says = "; ".join(course(names[i], curve.mean, alone) for (i, _), curve in zip(here, curves, strict=True))
    return Figure(id, title, "lines", points, [names[i] for i, _ in here], colours if alone else [hue(i) for i, _ in here], says, legend=False)


class Bins:
    """Neighbouring steps taken together: `first` and `until` of each bin, shape (B,), and for each completion its bin, shape (N,)."""

    def __init__(self, steps: np.ndarray, most: int) -> None:
        binned, _ = step_bins(steps, most)
        self.first, self.of = np.unique(binned, return_inverse=True)
        kept = np.unique(steps)
        width = float(np.median(np.diff(self.first))) if len(self.first) > 1 else 1.0
        self.until = np.append(self.first[1:], self.first[-1] + width if len(kept) else 1).astype(float)


def bins_of(run: Run, most: int) -> Bins:
    return Bins(run.step, most)


def stack_figure(id: str, title: str, bins: Bins, counts: Sequence[np.ndarray], labels: Sequence[str], colours: Sequence[str]) -> Figure:
    """Shares of a whole over the steps, from counts for each kind, shape (B,)."""
    whole = np.sum(counts, axis=0)
    shares = [np.divide(count, whole, out=np.full(len(whole), np.nan), where=whole > 0) for count in counts]
    says = ", ".join(f"{label} {sum(count) / max(whole.sum(), 1):.1%}" for label, count in zip(labels, counts, strict=True))
    return Figure(id, title, "stack", stacked(bins, shares, counts, labels), labels, colours, f"Over the whole run: {says}.", y=(0, 1))


def stacked(bins: Bins, shares: Sequence[np.ndarray], counts: Sequence[np.ndarray], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The points of a stack: positive shares above zero, one on another, negative ones below it."""
    size = len(bins.first)
    top, bottom = np.zeros(size), np.zeros(size)
    starts, ends = [], []
    for share in shares:
        own = np.nan_to_num(share)
        start = np.where(own >= 0, top, bottom)
        starts.append(start)
        ends.append(start + own)
        top, bottom = np.where(own >= 0, top + own, top), np.where(own < 0, bottom + own, bottom)
    return columns(
        series=[np.repeat(label, size) for label in labels],
        step=[bins.first] * len(labels),
        until=[bins.until] * len(labels),
        share=list(shares),
        count=list(counts),
        **{"from": starts, "to": ends},
    )
