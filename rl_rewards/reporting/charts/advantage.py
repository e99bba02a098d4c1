"""Charts of groups: what drives the advantage, which groups carry a gradient, seen and predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rl_rewards.reporting.charts.parts import STACK_STEPS, Bins, stack_figure, stacked
from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.figures import Figure, columns, hue, step_bins
from rl_rewards.reporting.groups import Groups, RightGroups, right_groups, variance_shares
from rl_rewards.reporting.run import Run

__all__ = ["advantage_figures", "group_figures"]


def advantage_figures(run: Run, groups: Groups, prefix: str) -> list[Figure]:
    """What drives the advantage over the steps."""
    weighted = [i for i, weight in enumerate(run.weights) if weight != 0 and np.isfinite(weight)]
    if not len(groups.size) or not weighted or not run.stepped:
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
    if not len(groups.size) or not run.stepped:
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
        found = right_groups(run, groups, reward) if run.weights[i] != 0 else None
        if found is not None and len(found.size):
            figures += _right_figures(found, f"{prefix}right-{i}")
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


def _right_figures(found: RightGroups, id: str) -> Iterator[Figure]:
    """Of one reward: all right, mixed, all wrong; and the mixed share against what is predicted."""
    bins = Bins(found.step, STACK_STEPS)
    counts = [np.bincount(bins.of[mask], minlength=len(bins.first)) for mask in found.kinds.values()]
    title = f"All right, mixed, all wrong: {found.reward}"
    stack = stack_figure(f"{id}-kinds", title, bins, counts, list(found.kinds), ["--hue-2", "--hue-0", "--hue-1"])
    stack.defined = "mixed"
    yield stack
    steps, _ = step_bins(found.step)
    mixed = found.kinds["mixed"]
    curves = [curve_of(mixed, steps), curve_of(found.predicted, steps)]
    names = ["seen", "predicted"]
    points = columns(
        series=[np.repeat(name, len(curve.steps)) for name, curve in zip(names, curves, strict=True)],
        step=[curve.steps for curve in curves],
        value=[curve.mean for curve in curves],
        count=[curve.count for curve in curves],
    )
    says = f"Over the whole run: {mixed.mean():.1%} seen, {found.predicted.mean():.1%} predicted."
    title = f"Mixed groups, seen and predicted: {found.reward}"
    yield Figure(f"{id}-predicted", title, "lines", points, names, ["--hue-0", "--muted"], says, "predicted", y=(0, 1))
