"""Numbers over the steps of a run: means, percentiles, shares and sums, from arrays over completions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Curve", "curve_of", "histogram_of", "quantiles_by"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A number over T steps, in order of the steps.

    Attributes:
        steps: shape (T,); of several steps taken together, the first.
        mean: mean over the step's rows, shape (T,); NaN where there is none.
        low, high: 10th and 90th percentile, by linear interpolation, shape (T,).
        count: how many rows have a number, shape (T,).
    """

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


def curve_of(values: np.ndarray, steps: np.ndarray, where: np.ndarray | None = None) -> Curve:
    """The curve of N values, such as `curve_of(run.total, run.step, run.trained)`.

    Args:
        values: shape (N,); numbers or truth values, of which the mean is a share. NaN does not count.
        steps: shape (N,).
        where: the rows that count, shape (N,); by default all.
    """
    chosen = np.ones(len(values), bool) if where is None else where
    kept, places = np.unique(steps[chosen], return_inverse=True)
    found = np.asarray(values, float)[chosen]
    there = np.isfinite(found)
    places, found = places[there], found[there]
    count = np.bincount(places, minlength=len(kept))
    sums = np.bincount(places, found, len(kept))
    low, high = quantiles_by(found, places, len(kept), (0.1, 0.9))
    return Curve(kept, np.divide(sums, count, out=np.full(len(kept), np.nan), where=count > 0), low, high, count)


def quantiles_by(values: np.ndarray, places: np.ndarray, size: int, shares: tuple[float, ...]) -> list[np.ndarray]:
    """For each share the quantile of each place's values, shape (size,), between neighbours by linear interpolation; NaN where there is none."""
    order = np.lexsort((values, places))
    ordered = values[order]
    count = np.bincount(places, minlength=size)
    start = np.cumsum(count) - count
    quantiles = []
    for share in shares:
        result = np.full(size, np.nan)
        here = count > 0
        place = share * (count[here] - 1)
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, count[here] - 1)
        first, second = ordered[start[here] + below], ordered[start[here] + above]
        result[here] = first + (second - first) * (place - below)
        quantiles.append(result)
    return quantiles


def histogram_of(values: np.ndarray, places: np.ndarray, size: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts of values by place, shape (size, bins), and the bins' edges, shape (bins + 1,)."""
    there = np.isfinite(values)
    values, places = values[there], places[there]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    cells = np.clip(((values - low) / (high - low) * bins).astype(int), 0, bins - 1)
    return np.bincount(places * bins + cells, minlength=size * bins).reshape(size, bins), edges
