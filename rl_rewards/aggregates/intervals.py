"""Confidence intervals of means and ratios over rows that come in clusters: the completions to one prompt."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

__all__ = ["Interval", "mean_interval", "ratio_interval", "t_quantile"]

Interval = tuple[float | None, float | None, float | None]
"""Value, and the lower and upper end of its interval; None where there is none."""

LEVEL = 0.95
"""Nominal coverage of every interval."""


def mean_interval(values: np.ndarray, level: float = LEVEL) -> Interval:
    """Mean of one value for each problem, shape (G,)."""
    return ratio_interval(values, np.ones(len(values)), level)


def ratio_interval(numerators: np.ndarray, denominators: np.ndarray, level: float = LEVEL) -> Interval:
    """The ratio of two sums over G problems, each shape (G,): with rows as denominators, the mean over rows.

    The variance is the linearised one of a ratio, G / (G - 1) sum (n_g - R d_g)^2 / (sum d)^2 (Cochran, Sampling Techniques, eq. 6.13),
    which is the cluster-robust one; quantiles are Student's with G - 1 degrees of freedom. Where all problems' ratios lie in [0, 1] the
    interval is Wilson's score interval for the effective sample size R (1 - R) / variance (Korn and Graubard 1998; Dean and Pagano
    2015): it stays in [0, 1], and has a width where all are right or all are wrong.

    Returns:
        No ends for fewer than two problems, nothing for none.
    """
    kept = denominators > 0
    numerators, denominators = numerators[kept], denominators[kept]
    groups, whole = len(numerators), float(math.fsum(denominators))
    if groups == 0:
        return None, None, None
    ratio = math.fsum(numerators) / whole
    if groups == 1:
        return ratio, None, None
    variance = groups / (groups - 1) * float(np.sum((numerators - ratio * denominators) ** 2)) / whole**2
    quantile = t_quantile(0.5 + level / 2, groups - 1)
    if (numerators >= 0).all() and (numerators <= denominators).all():
        return ratio, *_wilson(ratio, variance, groups, quantile)
    half = quantile * math.sqrt(variance)
    return ratio, ratio - half, ratio + half


def _wilson(share: float, variance: float, groups: int, quantile: float) -> tuple[float, float]:
    # Where all problems are alike, such as all right, no more is known than that many problems say.
    size = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else float(groups)
    square = quantile * quantile
    centre = (share + square / (2 * size)) / (1 + square / size)
    half = quantile / (1 + square / size) * math.sqrt(max(share * (1 - share) / size + square / (4 * size * size), 0.0))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's distribution, for a probability above 0.5, to about 1e-10."""
    low, high = 0.0, 1.0
    while _t_probability(high, freedom) < probability:
        low, high = high, high * 2
        if high > 1e9:
            return math.inf
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_probability(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def _t_probability(value: float, freedom: int) -> float:
    """P(T <= value) for value >= 0: with t = sqrt(v) tan(a) the density is that of cos(a)^(v - 1), which is smooth."""
    end = math.atan(value / math.sqrt(freedom))
    log_constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(math.pi)
    angles = (_NODES + 1) * end / 2
    return 0.5 + math.exp(log_constant) * end / 2 * float(_WEIGHTS @ np.exp((freedom - 1) * np.log(np.cos(angles))))
