"""Numbers with their intervals: how well right answers are told from wrong ones, and shares."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

__all__ = ["auc", "clopper_pearson", "correlation", "wilson"]

_Z = 1.959963984540054  # of a two-sided interval of 95 %


def auc(right: Sequence[float], wrong: Sequence[float]) -> tuple[float, float, float]:
    """The chance that a right answer scores more than a wrong one, ties counting half, with its interval of 95 % (Hanley and McNeil, 1982).

    Args:
        right, wrong: scores; neither is empty.

    Returns:
        The area, the lower end and the upper end of its interval.
    """
    ordered = sorted(wrong)
    area = sum(bisect_left(ordered, score) + (bisect_right(ordered, score) - bisect_left(ordered, score)) / 2 for score in right)
    m, n = len(right), len(wrong)
    a = area / (m * n)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    # A variance of 0 would claim certainty of a few rows: at the ends the area is moved by half a pair.
    b = min(max(a, 0.5 / (m * n)), 1 - 0.5 / (m * n))
    q1, q2 = b / (2 - b), 2 * b * b / (1 + b)
    variance = (b * (1 - b) + (m - 1) * (q1 - b * b) + (n - 1) * (q2 - b * b)) / (m * n)
    half = _Z * math.sqrt(max(variance, 0.0))
    return a, max(0.0, min(a, b - half)), min(1.0, max(a, b + half))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The interval of 95 % of a share (Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    p, z2 = successes / trials, _Z * _Z
    middle = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """The exact interval of 95 % of a share (Clopper and Pearson, 1934); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    low = 0.0 if successes == 0 else _solve(lambda p: _at_least(successes, trials, p) - 0.025)
    high = 1.0 if successes == trials else _solve(lambda p: 0.025 - (1 - _at_least(successes + 1, trials, p)))
    return low, high


def _at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) of a binomial."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def _solve(rising) -> float:  # type: ignore[no-untyped-def]
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation; None where one of the two never varies."""
    n = len(x)
    if n < 2:
        return None
    mx, my = sum(x) / n, sum(y) / n
    sxx, syy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    if sxx <= 1e-18 or syy <= 1e-18:
        return None
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / math.sqrt(sxx * syy)
