"""Charts of what became of the rows, and of where the scores lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.charts.parts import STACK_STEPS, bins_of, rewards_of, stack_figure
from rl_rewards.reporting.curves import histogram_of
from rl_rewards.reporting.figures import Figure, hue
from rl_rewards.reporting.run import Run

__all__ = ["distribution_figures", "histogram_figures", "outcome_figures"]

_KINDS = {"scored": "--calm", "unparsed": "--unparsed", "skipped": "--skipped", "left_out": "--left-out", "failed": "--failed"}
_SCORE_BINS, _HEAT_STEPS = 24, 60


def outcome_figures(run: Run, prefix: str) -> list[Figure]:
    """What became of each reward's rows over the steps; not of a reward all of whose rows are scored, or all skipped."""
    figures = []
    bins = bins_of(run, STACK_STEPS)
    for i, name in enumerate(run.rewards):
        masks = run.ledger_masks(i)
        here = run.trained & masks["rows"]
        kinds = [kind for kind in _KINDS if kind == "scored" or (masks[kind] & here).any()]
        if len(kinds) > 1 and not (here <= masks["skipped"]).all():
            counts = [np.bincount(bins.of[masks[kind] & here], minlength=len(bins.first)) for kind in kinds]
            labels = [kind.replace("_", " ") for kind in kinds]
            figures.append(stack_figure(f"{prefix}outcome-{i}", name, bins, counts, labels, [_KINDS[kind] for kind in kinds]))
            figures[-1].defined = "outcomes"
    return figures


def distribution_figures(run: Run, prefix: str) -> list[Figure]:
    """Where the scores of the total and of each reward lie, over the steps."""
    if not run.stepped:
        return []
    bins, figures = bins_of(run, _HEAT_STEPS), []
    for i, name in enumerate(["total", *run.rewards]):
        values = np.where(run.trained, run.total if i == 0 else run.scores[:, i - 1], np.nan)
        if not np.isfinite(values).any():
            continue
        counts, edges = histogram_of(values, bins.of, len(bins.first), _SCORE_BINS)
        whole = counts.sum(axis=1, keepdims=True)
        step, place = np.nonzero(counts)
        points = {
            "step": bins.first[step],
            "until": bins.until[step],
            "from": edges[place],
            "to": edges[place + 1],
            "share": counts[step, place] / whole[step, 0],
            "count": counts[step, place],
        }
        says = f"Scores from {np.nanmin(values):.3g} to {np.nanmax(values):.3g}; darker cells hold more of a step's rows."
        figures.append(Figure(f"{prefix}heat-{i}", name, "heat", points, says=says, defined="share of rows"))
    return figures


def histogram_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Where the scores of the total and of each reward lie, in runs without steps."""
    figures = []
    here = [(i, run) for i, run in enumerate(runs) if not run.stepped]
    for place, reward in enumerate(["total", *rewards_of([run for _, run in here])]):
        shown = [(i, run.column(reward)[run.trained]) for i, run in here if reward in ("total", *run.rewards)]
        values, owner = np.concatenate([found for _, found in shown]), np.repeat(np.arange(len(shown)), [len(found) for _, found in shown])
        if not np.isfinite(values).any():
            continue
        counts, edges = histogram_of(values, owner, len(shown), _SCORE_BINS)
        which, cell = np.nonzero(counts)
        points = {
            "series": np.array([names[i] for i, _ in shown])[which],
            "from": edges[cell],
            "to": edges[cell + 1],
            "share": counts[which, cell] / counts.sum(axis=1)[which],
            "count": counts[which, cell],
        }
        says = f"Scores from {np.nanmin(values):.3g} to {np.nanmax(values):.3g}."
        colours = [hue(i) for i, _ in shown] if len(runs) > 1 else ["--ink" if place == 0 else hue(place - 1)]
        figures.append(
            Figure(f"histogram-{place}", reward, "bars", points, [names[i] for i, _ in shown], colours, says, "share of rows", legend=False)
        )
    return figures
