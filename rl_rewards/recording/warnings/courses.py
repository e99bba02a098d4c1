"""Warnings about the course of a mean: rewards, metrics, lengths, seconds, and the trainer's own KL and entropy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rl_rewards.recording.warnings.change import Episode, began, episodes, noise, normal_llr, trailing_mean
from rl_rewards.recording.warnings.known import known_mean, known_median
from rl_rewards.recording.warnings.series import RunSeries
from rl_rewards.recording.warnings.warning import RunWarning

__all__ = ["course_warnings"]

# Steps that a level is a mean of: its noise is a third of a step's.
_WIDTH = 8
# A change of a mean is beyond chance from so many standard errors on: the greatest of thousands of looks at noise stays below.
_BEYOND_CHANCE = 5.0
# How far a reward and a metric must part, in standard deviations of a completion's scores, and each go its way, in standard errors.
_APART = 0.4
_BOTH_WAYS = 2.5


def course_warnings(series: RunSeries) -> Iterator[RunWarning]:
    """All of them."""
    yield from _metric_falls(series)
    yield from _collapse(series)
    yield from _lengths(series)
    yield from _effective(series)
    for reward in range(len(series.names)):
        yield from _seconds(series, reward)
    yield from _kl(series)
    yield from _entropy(series)


def _error(values: np.ndarray) -> float:
    """Standard error of the difference of two levels."""
    return noise(values) * math.sqrt(2 / _WIDTH)


def _fall(values: np.ndarray, drop: float | np.ndarray) -> tuple[Episode, int, float] | None:
    """A course that fell by `drop` below the highest level that it had held, and is still there; where it began, and that level."""
    smooth = trailing_mean(values, _WIDTH)
    settled = np.where(np.arange(len(values)) >= _WIDTH - 1, smooth, np.nan)
    if not np.isfinite(settled).any():
        return None
    top = np.fmax.accumulate(settled)
    found = episodes(np.nan_to_num(-normal_llr(-values, max(noise(values), 1e-9), -top + drop, -top + 0.75 * drop)))
    if not found or found[-1].end is not None:
        return None
    episode, level = found[-1], float(top[found[-1].alarm])
    return episode, began(trailing_mean(values, 3), episode.alarm, level), level


def _rise(values: np.ndarray, step: float) -> tuple[Episode, int, float] | None:
    found = _fall(-values, step)
    return None if found is None else (found[0], found[1], -found[2])


def _gain(values: np.ndarray, onset: int, errors: float = _BEYOND_CHANCE) -> tuple[float, float, float]:
    """How far a course rose from its level before `onset` to its last one, with both levels; the rise is 0 where it is less than so many errors.

    The last level is that of half of the steps since, 40 at most, so that a short run with noisy steps can show it, too.
    """
    size = len(values)
    last, first = min(max((size - onset) // 2, _WIDTH), 40), min(max(onset // 2, _WIDTH), 2 * _WIDTH)
    start = max(onset, min(_WIDTH, size))
    before, after = known_mean(values[max(0, start - first) : start]), known_mean(values[-last:])
    rise = after - before
    enough = rise >= errors * noise(values) * math.sqrt(1 / first + 1 / last)
    return (rise if enough else 0.0), before, after


def _loss(values: np.ndarray, onset: int) -> tuple[float, float, float]:
    """How far a course fell, from its level at `onset` or, where that is more beyond chance, from the highest level after it; with both levels."""
    fall, before, after = _gain(-values, onset, _BOTH_WAYS)
    highest = float(np.nanmax(trailing_mean(values, _WIDTH)[max(onset, _WIDTH - 1) :], initial=-math.inf))
    from_highest = highest + after
    return (from_highest, highest, -after) if not fall and from_highest >= 2 * _BOTH_WAYS * _error(values) else (fall, -before, -after)


def _metric_falls(series: RunSeries) -> Iterator[RunWarning]:
    """A weighted reward, or the total, rises while a metric falls: what Goodhart's law looks like in a run (Gao et al., 2210.10760, figure 1).

    Either course may fall or rise little beside its noise, most of which comes from the prompts of a step and is common to both: so it is the
    distance of the two, in units of their spreads, that must widen beyond chance, and each must have gone its way besides.
    """
    for metric in (i for i in range(len(series.names)) if series.weights[i] == 0):
        values, spread = series.mean(metric), series.spread(metric)
        if not spread > 0:
            continue
        for subject, course, unit in _rewards(series):
            found = None if not unit > 0 else _rise(course / unit - values / spread, max(_APART, 3 * _error(course / unit - values / spread)))
            if found is None:
                continue
            onset = found[1]
            rise, before, after = _gain(course, onset, _BOTH_WAYS)
            fall, metric_before, metric_after = _loss(values, onset)
            if rise < 0.1 * unit or fall < 0.15 * spread:
                continue
            name = series.names[metric]
            said = f"{subject} rose from {before:.3g} to {after:.3g} while {name} fell from {metric_before:.3g} to {metric_after:.3g}"
            numbers = {"reward_before": before, "reward_after": after, "metric_before": metric_before, "metric_after": metric_after}
            yield RunWarning("metric_falls", None if subject == "total" else subject, _step(series, onset), said, numbers, other=name)
            break


def _rewards(series: RunSeries) -> Iterator[tuple[str, np.ndarray, float]]:
    """Each weighted reward's course, and its spread within a step, the one that moves the total most first; the total last.

    Rewards that move it less than a quarter as much as the first are left out: a format that is still learned while prompts grow harder
    rises as every metric of correctness falls.
    """
    moves = {i: abs(series.weights[i]) * series.spread(i) for i in series.weighted}
    for i in sorted(moves, key=lambda i: -moves[i]):
        if moves[i] >= 0.25 * max(moves.values()):
            yield series.names[i], np.sign(series.weights[i]) * series.mean(i), series.spread(i)
    yield "total", series.total, series.spread(None)


def _collapse(series: RunSeries) -> Iterator[RunWarning]:
    """The total, or the reward that leads it, loses most of what it had: three quarters of what was learned, and more than half of its height
    above the lowest scores. A curriculum's harder prompts cost less, and are learned again."""
    leading = series.leading
    subjects = [("total", series.total, series.spread(None), known_median(_lowest_totals(series)))] if series.size else []
    if leading is not None:
        sign = np.sign(series.weights[leading])
        lows = known_median(series.low[:, leading]) if sign > 0 else -known_median(series.high[:, leading])
        subjects.append((series.names[leading], sign * series.mean(leading), series.spread(leading), lows))
    for subject, values, spread, low in subjects:
        smooth = trailing_mean(values, _WIDTH)
        settled = np.where(np.arange(len(values)) >= _WIDTH - 1, smooth, np.nan)
        if not np.isfinite(settled).any():
            return
        top = np.fmax.accumulate(settled)
        bottom = np.fmin.accumulate(np.where(np.isnan(settled), np.inf, settled))
        drop = np.maximum.reduce([0.75 * (top - bottom), 0.55 * (top - low), np.full(len(values), max(0.5 * spread, 8 * _error(values)))])
        found = _fall(values, drop)
        if found is not None:
            _, onset, level = found
            now = float(smooth[-1])
            said = f"{subject} fell from {level:.3g} to {now:.3g}"
            yield RunWarning("reward_collapse", None if subject == "total" else subject, _step(series, onset), said, {"before": level, "after": now})
            return


def _lowest_totals(series: RunSeries) -> np.ndarray:
    """The lowest total that each step's lowest scores would make, (T)."""
    worst = np.where(series.weights >= 0, series.low, series.high) * series.weights
    return np.nansum(worst[:, series.weights != 0], axis=1)


def _lengths(series: RunSeries) -> Iterator[RunWarning]:
    """Completions twice as long while the total surely gains little, or four times as long whatever it does: reasoning that pays grows longer, too."""
    values = np.log(np.maximum(series.length, 1.0))
    for factor in (2.0, 4.0):
        found = _rise(values, max(math.log(factor), 3 * _error(values)))
        if found is None:
            return
        _, onset, level = found
        rise, _, _ = _gain(series.total, onset, -math.inf)
        if factor == 4.0 or rise + 2 * _error(series.total) < 0.4 * series.spread(None):
            before, after = math.exp(level), math.exp(float(trailing_mean(values, _WIDTH)[-1]))
            said = f"completions grew from {before:.4g} to {after:.4g} tokens, while the total changed by {rise:+.3g}"
            numbers = {"before": before, "after": after, "total_change": rise}
            yield RunWarning("length_runaway", None, _step(series, onset), said, numbers)
            return


def _effective(series: RunSeries) -> Iterator[RunWarning]:
    """The total rises, and the mean over groups that carry a gradient does not."""
    total, effective = series.total, series.effective
    if series.size < 4 * _WIDTH or np.isfinite(effective).sum() < 4 * _WIDTH:
        return
    for start in (0, series.size // 4, series.size // 2):
        rise, before, after = _gain(total[start:], 0)
        moved = effective[start:]
        width = max(_WIDTH, len(moved) // 4)
        first, last = known_mean(moved[:width]), known_mean(moved[-width:])
        if rise < 0.4 * series.spread(None) or not np.isfinite(first + last):
            continue
        error = noise(moved) * math.sqrt(2 / width)
        if last - first + 2 * error < 0.3 * rise:
            onset = start + began(trailing_mean(total[start:], 3), len(total) - start - 1, before)
            said = f"the total rose from {before:.3g} to {after:.3g}, but over groups with a gradient it went from {first:.3g} to {last:.3g}"
            numbers = {"total_before": before, "total_after": after, "effective_before": first, "effective_after": last}
            yield RunWarning("effective_reward", None, _step(series, onset), said, numbers)
            return


def _seconds(series: RunSeries, reward: int) -> Iterator[RunWarning]:
    """A reward that takes twice as long as it did, and a tenth of a second at least. The first step, which warms up, is left out."""
    seconds = series.counts["seconds"][1:, reward]
    if len(seconds) < 2 * _WIDTH or not np.nanmax(seconds, initial=0.0) >= 0.1:
        return
    values = np.log(np.maximum(seconds, 1e-3))
    found = _rise(values, max(math.log(2.2), 4 * _error(values)))
    if found is None:
        return
    _, onset, level = found
    before, after = math.exp(level), known_median(seconds[-_WIDTH:])
    if after >= 0.1:
        said = f"{after:.3g} s a batch, {before:.3g} s before"
        numbers = {"before": before, "after": after}
        yield RunWarning("seconds_grow", series.names[reward], _step(series, onset + 1), said, numbers)


def _logged(series: RunSeries, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    steps, values = series.log.get(name, (np.empty(0), np.empty(0)))
    known = np.isfinite(values)
    return (steps[known], values[known]) if known.sum() >= 2 * _WIDTH else None


def _kl(series: RunSeries) -> Iterator[RunWarning]:
    """The KL divergence from the reference, in nats a token, grows faster than a cubic: fivefold since half as many steps, and half a nat or
    more; or it is beyond ten nats."""
    logged = _logged(series, "kl")
    if logged is None:
        return
    steps, values = logged
    smooth = trailing_mean(values, 4)
    half = smooth[np.maximum(np.arange(len(values)) // 2, 3)]
    beyond = (smooth >= 0.5) & (smooth >= 5 * np.maximum(half, 1e-6)) | (smooth >= 10)
    beyond[:_WIDTH] = False
    if beyond[-1] or beyond[-_WIDTH:].sum() >= _WIDTH // 2 or smooth[-1] >= 10:
        ends = np.flatnonzero(~beyond)
        alarm = min(int(ends[-1]) + 1 if len(ends) else 0, len(values) - 1)
        before = float(half[alarm])
        onset = began(smooth, alarm, before, 0.1)
        said = f"the KL divergence from the reference went from {before:.3g} to {smooth[-1]:.3g} nats"
        yield RunWarning("kl_runaway", None, int(steps[min(onset, len(steps) - 1)]), said, {"before": before, "after": float(smooth[-1])})


def _entropy(series: RunSeries) -> Iterator[RunWarning]:
    """The policy's entropy falls to a tenth of what it was; a note where the task is solved."""
    logged = _logged(series, "entropy")
    if logged is None:
        return
    steps, values = logged
    smooth = trailing_mean(values, 4)
    start = float(np.median(values[:_WIDTH]))
    low = np.flatnonzero(smooth >= 0.1 * start)
    if start <= 0 or smooth[-1] >= 0.1 * start or len(values) - 1 - (low[-1] if len(low) else 0) < 4:
        return
    leading = series.leading
    solved = False
    if leading is not None:
        bottom, top = series.bounds(leading)
        solved = bool(trailing_mean(series.mean(leading), _WIDTH)[-1] >= bottom + 0.8 * (top - bottom))
    onset = began(smooth, int(low[-1]) + 1 if len(low) else 0, start, 0.3)
    said = f"the policy's entropy fell from {start:.3g} to {smooth[-1]:.3g} nats a token"
    numbers = {"before": start, "after": float(smooth[-1])}
    yield RunWarning("entropy_collapse", None, int(steps[min(onset, len(steps) - 1)]), said, numbers, "note" if solved else "warning")


def _step(series: RunSeries, position: int) -> int | None:
    step = int(series.steps[min(position, series.size - 1)])
    return None if step < 0 else step
