"""Charts of groups: what drives the advantage, which groups carry a gradient, seen and predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rl_rewards.reporting.charts.parts import STACK_STEPS, Bins, stack_figure, stacked
from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.figures import Figure, columns, hue, step_bins
from rl_rewards.reporting.groups import Groups, predicted_useful, right_of, variance_shares
from rl_rewards.reporting.run import Run

__all__ = ["advantage_figures", "group_figures"]


def advantage_figures(run: Run, groups: Groups, prefix: str) -> list[Figure]:
    """What drives the advantage over the steps."""
    weighted = [i for i, weight in enumerate(run.weights) if weight != 0 and np.isfinite(weight)]
    if not len(groups.size) or not weighted:
        return []
    bins = Bins(groups.step, STACK_STEPS)
    shares = variance_shares(run, groups, bins.of, len(bins.first))[:, weighted]
    labels = [run.rewards[i] for i in weighted]
    counts = [np.bincount(bins.of, minlength=len(bins.first))] * len(weighted)
    points = stacked(bins, list(shares.T), counts, labels)
    whole = variance_shares(run, groups, np.zeros(len(groups.size), int), 1)[0]
    says = "Over the whole run: " + ", ".join(f"{run.rewards[i]} {whole[i]:.1%}" for i in weighted if np.isfinite(whole[i]))
    figure = Figure(f"{prefix}advantage", "Variance shares", "stack", points, labels, [hue(i) for i in weighted], says)
    figure.defined, figure.subtitle = "variance share", "of the total within groups"
    return [figure]


def group_figures(run: Run, groups: Groups, prefix: str) -> list[Figure]:
    """Groups with and without spread, all right against all wrong, predicted against seen, and the effective reward."""
    if not len(groups.size):
        return []
    figures = []
    bins = Bins(groups.step, STACK_STEPS)
    useful = np.bincount(bins.of[groups.useful], minlength=len(bins.first))
    flat = np.bincount(bins.of[~groups.useful], minlength=len(bins.first))
    labels, colours = ["totals differ", "totals all equal"], ["--hue-0", "--calm"]
    spread = stack_figure(f"{prefix}flat", "Groups that carry a gradient", bins, [useful, flat], labels, colours)
    spread.defined = "useful groups"
    figures.append(spread)
    figures.append(_effective(run, groups, prefix))
    for i, reward in enumerate(run.rewards):
        right = right_of(run, reward)
        if right is not None and run.weights[i] != 0:
            figures += _right_figures(run, groups, bins, right, reward, f"{prefix}right-{i}")
    return figures


def _effective(run: Run, groups: Groups, prefix: str) -> Figure:
    steps, _ = step_bins(groups.step)
    every = curve_of(groups.mean, steps)
    useful = curve_of(np.where(groups.useful, groups.mean, np.nan), steps)
    names = ["all groups", "groups with a gradient (effective reward)"]
    points = columns(
        series=[np.repeat(names[0], len(every.steps)), np.repeat(names[1], len(useful.steps))],
        step=[every.steps, useful.steps],
        value=[every.mean, useful.mean],
        count=[every.count, useful.count],
    )
    says = f"Effective reward over the whole run: {groups.effective_reward:.3g}."
    return Figure(f"{prefix}effective", "Effective reward", "lines", points, names, ["--muted", "--hue-0"], says, "effective reward")


def _right_figures(run: Run, groups: Groups, bins: Bins, right: np.ndarray, reward: str, id: str) -> Iterator[Figure]:
    """Of one reward with two values: all right, mixed, all wrong; and the mixed share against what is predicted."""
    rows = np.flatnonzero((groups.of >= 0) & np.isfinite(right))
    of = groups.of[rows]
    size = np.bincount(of, minlength=len(groups.size))
    count = np.bincount(of, right[rows], len(groups.size))
    several = size > 1
    kinds = {"all right": several & (count == size), "mixed": several & (count > 0) & (count < size), "all wrong": several & (count == 0)}
    counts = [np.bincount(bins.of[mask], minlength=len(bins.first)) for mask in kinds.values()]
    stack = stack_figure(f"{id}-kinds", f"All right, mixed, all wrong: {reward}", bins, counts, list(kinds), ["--hue-2", "--hue-0", "--hue-1"])
    stack.defined = "mixed"
    yield stack
    steps, _ = step_bins(groups.step)
    first, place = np.unique(steps[several], return_inverse=True)
    share = np.bincount(place, count[several], len(first)) / np.bincount(place, size[several], len(first))
    predicted = curve_of(predicted_useful(share[place], size[several]), steps[several])
    seen = curve_of(kinds["mixed"][several], steps[several])
    names = ["seen", "predicted"]
    points = columns(
        series=[np.repeat(name, len(first)) for name in names],
        step=[first, first],
        value=[seen.mean, predicted.mean],
        count=[seen.count, predicted.count],
    )
    whole = float(kinds["mixed"][several].mean()) if several.any() else float("nan")
    figure = Figure(f"{id}-predicted", f"Mixed groups, seen and predicted: {reward}", "lines", points, names, ["--hue-0", "--muted"], y=(0, 1))
    figure.says, figure.defined = f"Seen over the whole run: {whole:.1%}.", "predicted"
    yield figure
