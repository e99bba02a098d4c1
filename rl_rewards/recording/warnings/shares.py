"""Warnings about what rewards have to do with each other, and about rewards that never vary."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rl_rewards.recording.warnings.change import held, noise, normal_llr
from rl_rewards.recording.warnings.known import known_mean
from rl_rewards.recording.warnings.series import RunSeries
from rl_rewards.recording.warnings.warning import RunWarning

__all__ = ["share_warnings", "variance_shares"]

# Rows, and steps of a run that goes on, from which on a reward of one value is called dead: by the rule of three, one that is earned by
# 0.3 % of the completions has shown itself by then, with a certainty of 95 %.
_DEAD_ROWS = 200
_DEAD_ROWS_LIVE = 1000
# Share of the within-group variance that is too much; more where the weights alone would give more than 0.7, and never where they give 0.8.
_TOO_MUCH = 0.86
_ABOVE_WEIGHT = 0.15
_BY_DESIGN = 0.8
# A reward this often at its ceiling has been learned: it does not vary, and is not drowned.
_SOLVED = 0.9
# Correlation within groups of rewards that are one and the same, at the near end of a 4-sigma interval.
_SAME = 0.95
_LEAST_MASS = 20.0


def share_warnings(series: RunSeries) -> Iterator[RunWarning]:
    """All of them."""
    yield from _dead(series)
    yield from _variance(series)
    yield from _pairs(series)


def _dead(series: RunSeries) -> Iterator[RunWarning]:
    counted = series.counts["count"].sum(0)
    least = _DEAD_ROWS if series.planned_steps is None else _DEAD_ROWS_LIVE
    for i, name in enumerate(series.names):
        low, high = series.bounds(i)
        if counted[i] >= least and high == low:
            said = f"all {counted[i]:.0f} scores are {low:g}"
            first = int(series.steps[np.flatnonzero(series.counts["count"][:, i])[0]])
            yield RunWarning("dead_reward", name, None if first < 0 else first, said, {"scores": float(counted[i]), "value": low})


def variance_shares(covariance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each reward's share of the variance of the total within groups: Cov(w_r s_r, total) / Var(total), which sum to 1.

    Args:
        covariance: sums of products of deviations from the group's mean, (..., R, R).
        weights: (R).

    Returns:
        (..., R); NaN where the total does not vary. A share is negative where a reward works against the others.
    """
    parts = weights * (covariance @ weights)
    whole = parts.sum(-1, keepdims=True)
    return np.divide(parts, whole, out=np.full_like(parts, np.nan), where=whole > 1e-12)


def _variance(series: RunSeries) -> Iterator[RunWarning]:
    shares = variance_shares(series.covariance, series.weights)
    squares = series.weights**2
    for i in series.weighted:
        others = [j for j in series.weighted if j != i and abs(series.weights[j]) >= 0.1 * np.abs(series.weights).max()]
        if not others or squares[i] / squares.sum() >= _BY_DESIGN:
            continue
        values = shares[:, i]
        # The noise is that of the last steps: a share near 1 has little, and the question is whether it goes on to be there.
        border = max(_TOO_MUCH, squares[i] / squares.sum() + _ABOVE_WEIGHT)
        episode = held(normal_llr(values, max(noise(values[-20:]), 0.02), border - 0.05, border + 0.05), clip=series.size > 20)
        if episode is None or all(_solved(series, j, episode.onset) for j in others):
            continue
        share = known_mean(values[episode.onset :])
        expected = float(squares[i] / squares.sum())
        said = f"{share:.0%} of the variance within groups is its, {expected:.0%} by its weight"
        step = int(series.steps[episode.onset])
        yield RunWarning("variance_share", series.names[i], None if step < 0 else step, said, {"share": share, "by_weight": expected})


def _solved(series: RunSeries, reward: int, onset: int) -> bool:
    scored = series.counts["count"][onset:, reward].sum()
    return bool(scored and series.at_ceiling(reward)[onset:].sum() >= _SOLVED * scored)


def _pairs(series: RunSeries) -> Iterator[RunWarning]:
    """Weighted rewards whose contributions go together within groups, or against each other, beyond any doubt."""
    for n, i in enumerate(series.weighted):
        for j in series.weighted[n + 1 :]:
            for start in (0, series.size // 2):
                correlation, bound = _correlation(series, i, j, slice(start, None))
                if bound < _SAME:
                    continue
                start = _since(series, i, j, start, correlation)
                sign = float(np.sign(series.weights[i] * series.weights[j]) * np.sign(correlation))
                kind = "rewards_identical" if sign > 0 else "rewards_opposed"
                said = f"their correlation within groups is {correlation:+.3f}"
                step = int(series.steps[start])
                numbers = {"correlation": correlation}
                yield RunWarning(kind, series.names[i], None if step < 0 else step, said, numbers, other=series.names[j])
                break


def _correlation(series: RunSeries, i: int, j: int, part: slice) -> tuple[float, float]:
    """The correlation within groups, and the end of its 4-sigma interval (Fisher's z) that is nearer to 0, without its sign.

    Rows count by how much they vary: a pair of rare rewards needs many.
    """
    sums = series.covariance[part].sum(0)
    mass = math.inf
    for k in (i, j):
        low, high = series.bounds(k)
        mass = min(mass, 4 * sums[k, k] / (high - low) ** 2 if high > low else 0.0)
    if mass < _LEAST_MASS:
        return 0.0, 0.0
    correlation = float(np.clip(sums[i, j] / math.sqrt(sums[i, i] * sums[j, j]), -1, 1))
    z = math.atanh(min(abs(correlation), 1 - 1e-12)) - 4 / math.sqrt(max(mass - 3, 1.0))
    return correlation, math.tanh(max(z, 0.0))


def _since(series: RunSeries, i: int, j: int, start: int, correlation: float) -> int:
    """The first step from which on, in windows of five, the two are as correlated as that."""
    steps = np.arange(start, series.size)
    for at in steps[::-5][::-1] if len(steps) > 5 else []:
        sums = series.covariance[at : at + 5].sum(0)
        whole = math.sqrt(sums[i, i] * sums[j, j])
        if whole > 0 and sums[i, j] / whole * np.sign(correlation) < _SAME:
            start = min(int(at) + 5, series.size - 1)
    return start
