"""The paired bootstrap: an interval of a mean difference between two sides, from the differences of single prompts."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from rl_rewards.aggregates.intervals import t_quantile

__all__ = ["bootstrap_interval"]

# Draws in memory at a time, and at most: beyond, fewer resamples of so many prompts say enough.
_AT_ONCE = 1 << 22
_AT_MOST = 400_000_000
_LEAST_RESAMPLES = 1000


def bootstrap_interval(differences: np.ndarray, resamples: int = 10_000, seed: int = 0, level: float = 0.95) -> tuple[float | None, float | None]:
    """The percentile interval of the mean of G differences, one for each prompt, shape (G,); prompts are what is drawn again.

    A prompt's completions stay together, so that the interval is clustered by prompt. The percentiles are those of Hesterberg (2015,
    "What Teachers Should Know about the Bootstrap", section 5.2), widened by Student's quantile and sqrt(G / (G - 1)): plain ones are too
    narrow for few prompts.

    Args:
        differences: finite.
        resamples: bootstrap samples.
        seed: of the random numbers, so that a comparison that is made again says the same.
        level: nominal coverage.

    Returns:
        No ends for fewer than two prompts.
    """
    size = len(differences)
    if size < 2:
        return None, None
    resamples = max(_LEAST_RESAMPLES, min(resamples, _AT_MOST // size))
    means = _means(differences, resamples, np.random.default_rng(seed))
    tail = NormalDist().cdf(-math.sqrt(size / (size - 1)) * t_quantile(0.5 + level / 2, size - 1))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _means(differences: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Means of resampled differences, shape (resamples,)."""
    values, counts = np.unique(differences, return_counts=True)
    size = len(differences)
    if len(values) <= 64:  # how often each value is drawn is all that matters
        return generator.multinomial(size, counts / size, resamples) @ values / size
    means = np.empty(resamples)
    step = max(1, _AT_ONCE // size)
    for start in range(0, resamples, step):
        drawn = generator.integers(0, size, (min(step, resamples - start), size), dtype=np.int32)
        means[start : start + step] = differences[drawn].mean(axis=1)
    return means
