"""When a course of numbers changed: sequential tests that hold their false-alarm rate over many rewards and thousands of steps.

All of them are Page's CUSUM (Biometrika 41, 1954): S_t = max(0, S_{t-1} + l_t) with l_t the log-likelihood ratio of "bad" against "fine" at
step t, and an alarm where S reaches h. Under "fine", the mean time to a false alarm is at least e^h steps whatever the distribution (Lorden,
Annals of Mathematical Statistics 42, 1971, theorem 2), so that h = ln(10^6) allows one false alarm in a million steps of one monitored
number: about one in 30 runs of 1,000 steps with 30 numbers, before the effect sizes that every warning asks for besides. S stops at
2 h, so that an alarm ends soon after its cause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["THRESHOLD", "Episode", "began", "episodes", "held", "noise", "normal_llr", "rate_llr", "running_floor", "trailing_mean", "wilson"]

THRESHOLD = math.log(1e6)
"""h, in nats."""

# The most that one step adds to S, so that no single step raises an alarm, however large: outliers are common, changes last.
_MOST = THRESHOLD / 4


@dataclass(frozen=True)
class Episode:
    """A time in alarm, as positions in the series.

    Attributes:
        onset: where the change began: after the last time that S was 0.
        alarm: where S reached the threshold.
        end: the last position in alarm; None while it goes on.
    """

    onset: int
    alarm: int
    end: int | None


def episodes(increments: np.ndarray, clip: bool = True) -> list[Episode]:
    """The alarms of T log-likelihood ratios; NaN counts as no evidence.

    Args:
        clip: whether one step may add a quarter of the threshold at most.
    """
    values = np.nan_to_num(np.minimum(increments, _MOST) if clip else increments, nan=0.0, posinf=2 * THRESHOLD, neginf=-2 * THRESHOLD)
    found: list[Episode] = []
    total, onset, alarm, last = 0.0, 0, None, 0
    for i, value in enumerate(values.tolist()):
        total = min(total + value, 2 * THRESHOLD)
        if value > 0:
            last = i
        if alarm is None and total >= THRESHOLD:
            alarm = i
        elif alarm is not None and total < THRESHOLD / 2:
            found.append(Episode(onset, alarm, max(last, alarm)))
            total, alarm = 0.0, None
        if total <= 0:
            total, onset = 0.0, i + 1
    if alarm is not None:
        found.append(Episode(onset, alarm, None))
    return found


def held(increments: np.ndarray, clip: bool = True) -> Episode | None:
    """The alarm that still goes on at the end; None where there is none."""
    found = episodes(increments, clip)
    return found[-1] if found and found[-1].end is None else None


def rate_llr(rate: np.ndarray, units: np.ndarray, fine: np.ndarray | float, bad: np.ndarray | float) -> np.ndarray:
    """Log-likelihood ratios of Bernoulli observations, (T).

    Args:
        rate: share of hits in each step, (T).
        units: independent observations of each step, (T).
        fine, bad: the rate that is fine, and the one that is bad.
    """
    fine, bad = np.clip(fine, 1e-3, 1 - 1e-3), np.clip(bad, 2e-3, 1 - 1e-4)
    return units * (rate * np.log(bad / fine) + (1 - rate) * np.log((1 - bad) / (1 - fine)))


def normal_llr(values: np.ndarray, sigma: float, fine: np.ndarray | float, bad: np.ndarray | float) -> np.ndarray:
    """Log-likelihood ratios of a shift of a normal mean from `fine` to `bad`, (T)."""
    shift = np.asarray(bad) - np.asarray(fine)
    deviation = np.maximum(sigma, np.abs(shift) / 20 + 1e-12)
    return shift / deviation**2 * (values - (np.asarray(fine) + np.asarray(bad)) / 2)


def noise(values: np.ndarray) -> float:
    """Standard deviation of the noise of a course with a trend, from its successive differences (von Neumann, 1941).

    Jumps and outliers count as five times the median difference at most. The median alone would not do: of the means of a rare event most
    differences are small.
    """
    differences = np.diff(values[~np.isnan(values)])
    if not len(differences):
        return 0.0
    robust = 1.4826 * float(np.median(np.abs(differences)))
    if robust:
        differences = np.clip(differences, -5 * robust, 5 * robust)
    return float(np.sqrt(np.mean(differences**2))) / math.sqrt(2)


def trailing_mean(values: np.ndarray, width: int) -> np.ndarray:
    """The mean of the last `width` values that are there, (T); of fewer at the beginning, NaN before the first."""
    known = ~np.isnan(values)
    sums, counts = np.cumsum(np.where(known, values, 0.0)), np.cumsum(known)
    sums[width:], counts[width:] = sums[width:] - sums[:-width], counts[width:] - counts[:-width]
    return np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)


def wilson(rate: float | np.ndarray, units: float | np.ndarray, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval (1927) of a rate over so many independent observations."""
    number = np.maximum(units, 1e-9)
    middle = (rate + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * np.sqrt(np.maximum(rate * (1 - rate), 0.0) / number + z * z / (4 * number**2))
    return middle - half, middle + half


def running_floor(rate: np.ndarray, units: np.ndarray, least_steps: int = 4) -> np.ndarray:
    """The lowest level that a rate has held so far, (T): the least upper bound (Wilson, z = 2) over windows of 40, 160 and 640 observations and
    `least_steps` steps; NaN before the first whole window."""
    size = len(rate)
    seen = np.concatenate([[0.0], np.cumsum(np.where(np.isnan(rate), 0.0, units))])
    hits = np.concatenate([[0.0], np.cumsum(np.nan_to_num(rate) * units)])
    lowest = np.full(size, np.inf)
    for least_units in (40.0, 160.0, 640.0):
        starts = np.minimum(np.searchsorted(seen, seen[1:] - least_units, side="right") - 1, np.arange(1, size + 1) - least_steps)
        whole, starts = starts >= 0, np.maximum(starts, 0)
        number = seen[1:] - seen[starts]
        _, upper = wilson((hits[1:] - hits[starts]) / np.maximum(number, 1e-9), number, 2.0)
        lowest = np.fmin(lowest, np.minimum.accumulate(np.where(whole & (number > 0), upper, np.inf)))
    return np.where(np.isinf(lowest), np.nan, lowest)


def began(smooth: np.ndarray, alarm: int, level: float, share: float = 0.2) -> int:
    """Where a change that was noticed at `alarm` began: after the last value that was within `share` of the way from `level` to the alarm's."""
    limit = share * abs(smooth[alarm] - level)
    near = np.flatnonzero(np.abs(smooth[: alarm + 1] - level) <= limit)
    return int(near[-1]) + 1 if len(near) else 0
