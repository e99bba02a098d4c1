"""Charts of the time that rewards take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.figures import Figure, columns, hue, step_bins
from rl_rewards.reporting.run import Run

__all__ = ["batch_seconds", "time_figures"]


def batch_seconds(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The first completion of each batch, shape (B,), and each reward's seconds over it, shape (B, R)."""
    first = np.flatnonzero(np.r_[True, np.diff(run.batch) != 0])
    return first, run.seconds[first]


def time_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Seconds of the rewards over the steps: the sum over a step's batches, of the slowest process."""
    series, parts = [], {name: [] for name in ("series", "step", "value")}
    for i, run in enumerate(runs):
        first, seconds = batch_seconds(run)
        kept = run.trained[first] & np.isfinite(seconds).any(axis=1)
        if not kept.any():
            continue
        first, seconds = first[kept], np.nan_to_num(seconds[kept])
        shown = seconds.T if len(runs) == 1 else [seconds.max(axis=1)]
        labels = list(run.rewards) if len(runs) == 1 else [names[i]]
        for label, values in zip(labels, shown, strict=True):
            steps, found = _per_step(values, run.step[first], run.rank[first])
            binned, _ = step_bins(steps)
            curve = curve_of(found, binned)
            series.append(label)
            for name, column in zip(parts, (np.repeat(label, len(curve.steps)), curve.steps, curve.mean), strict=True):
                parts[name].append(column)
    if not series:
        return []
    colours = [hue(i) for i in range(len(series))]
    return [Figure("seconds", "Seconds per step", "lines", columns(**parts), series, colours, "Wall time of each reward.", "seconds", y=None)]


def _per_step(seconds: np.ndarray, step: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the largest over processes of the sums over a step's batches, shape (T,) each."""
    steps, place = np.unique(step, return_inverse=True)
    ranks, process = np.unique(rank, return_inverse=True)
    sums = np.bincount(place * len(ranks) + process, seconds, len(steps) * len(ranks)).reshape(len(steps), len(ranks))
    return steps, sums.max(axis=1)
