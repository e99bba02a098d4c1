"""Charts of the correlation of rewards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.figures import Figure
from rl_rewards.reporting.run import Run

__all__ = ["correlation_figures"]


def correlation_figures(run: Run, prefix: str) -> list[Figure]:
    """Correlation of the rewards with each other and with the length, plain and within groups."""
    names = [*run.rewards, run.lengths[1]]
    values = np.column_stack([run.scores, run.lengths[0]])[run.trained]
    numbers = [_matrix(f"{prefix}correlation", "Correlation of rewards", names, values, "correlation")]
    group = run.group[run.trained]
    if (group >= 0).any():
        numbers.append(_matrix(f"{prefix}within", "Within groups", names, _centred(values[group >= 0], group[group >= 0]), "within groups"))
    return [figure for figure in numbers if figure is not None]


def _centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    _, place = np.unique(group, return_inverse=True)
    size = int(place.max()) + 1
    centred = np.full_like(values, np.nan)
    for i, column in enumerate(values.T):
        there = np.isfinite(column)
        count = np.bincount(place[there], minlength=size)
        means = np.bincount(place[there], column[there], size) / np.maximum(count, 1)
        centred[there, i] = column[there] - means[place[there]]
    return centred


def _matrix(id: str, title: str, names: Sequence[str], values: np.ndarray, defined: str) -> Figure | None:
    cells: dict[str, list[object]] = {name: [] for name in ("left", "right", "value", "count")}
    for i in range(1, len(names)):
        for j in range(i):
            both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            a, b = values[both, i], values[both, j]
            if len(a) < 2 or a.std() < 1e-12 or b.std() < 1e-12:
                continue
            for cell, value in zip(cells.values(), (names[i], names[j], float(np.corrcoef(a, b)[0, 1]), len(a)), strict=True):
                cell.append(value)
    if not cells["value"]:
        return None
    strongest = max(range(len(cells["value"])), key=lambda k: abs(float(str(cells["value"][k]))))
    says = f"Strongest: {cells['left'][strongest]} and {cells['right'][strongest]}, {float(str(cells['value'][strongest])):.2f}."
    return Figure(id, title, "matrix", cells, says=says, defined=defined)
