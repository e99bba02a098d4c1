"""When a rate of rows is too high: it rose above what it had been, or it is at a bad level and stays there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_rewards.recording.warnings.change import Episode, began, episodes, held, rate_llr, running_floor, trailing_mean
from rl_rewards.recording.warnings.known import known_lowest
from rl_rewards.recording.warnings.series import RunSeries

__all__ = ["Level", "jump_of", "level_of", "pooled"]

# A level is judged from so many steps on, and so many rows; of a run that goes on, from this share of its steps on.
_LEAST_STEPS = 20
_LEAST_ROWS = 200
_LEAST_SHARE = 0.34


@dataclass(frozen=True)
class Level:
    """A level of a rate: `fine` at most, `bad` at least; the border lies about halfway."""

    fine: float
    bad: float


def jump_of(rate: np.ndarray, units: np.ndarray, rise: float, least: float = 0.0) -> tuple[Episode, float] | None:
    """A rate that rose by `rise` or more above the lowest level that it had held, to at least `least`; with that level.

    The last episode, since the page and an alert are about what goes on; one that ended counts where none goes on. A rate that rises step by
    step has but few steps at its height: there it is enough that it is surely above its lowest level, and that its last steps are so high.
    """
    floor = np.maximum(running_floor(rate, units), 0.02)
    fine = np.maximum(floor + 0.25 * rise, least - 0.1)
    found = episodes(_evidence(rate, units, fine, np.maximum(np.maximum(fine + 0.75 * rise, 2 * floor), least + 0.1)))
    if not found:
        slow = episodes(_evidence(rate, units, floor + 0.1 * rise, floor + 0.6 * rise))
        found = [each for each in slow[-1:] if each.end is None and _height(rate, units, rise) >= max(floor[each.alarm] + rise, least)]
    if not found:
        return None
    episode = next((each for each in reversed(found) if each.end is None), found[0])
    level = float(floor[episode.alarm])
    smooth = trailing_mean(rate, 3)
    end = episode.end
    onset = max(began(smooth, episode.alarm, min(level, known_lowest(smooth[: episode.alarm + 1]))), 0)
    return Episode(min(max(onset, 0), episode.onset) if onset else episode.onset, episode.alarm, end), level


def _evidence(rate: np.ndarray, units: np.ndarray, fine: np.ndarray, bad: np.ndarray) -> np.ndarray:
    bad = np.minimum(bad, 0.995)
    return np.where(fine < bad, rate_llr(rate, units, fine, bad), 0.0)


def _height(rate: np.ndarray, units: np.ndarray, rise: float) -> float:
    """The level of the last steps, as many as tell a rise from chance: its standard error is a fifth of `rise` at a rate of a tenth or so."""
    seen = np.cumsum(np.where(np.isnan(rate), 0.0, units)[::-1])
    many = int(np.searchsorted(seen, 2 / rise**2)) + 1
    return pooled(rate, units, slice(max(len(rate) - many, 0), None))[0] if many <= len(rate) else 0.0


def level_of(series: RunSeries, rate: np.ndarray, units: np.ndarray, level: Level) -> Episode | None:
    """A rate that is bad, goes on to be, and does not fall."""
    known = ~np.isnan(rate) & (units > 0)
    steps = int(known.sum())
    if steps == 0 or (series.planned_steps is not None and steps < max(_LEAST_STEPS, _LEAST_SHARE * series.planned_steps)):
        return None
    rows = float(np.where(known, series.rows, 0.0).sum())
    if rows < _LEAST_ROWS and steps < _LEAST_STEPS:
        return None
    episode = held(rate_llr(rate, units, level.fine, level.bad), clip=steps > _LEAST_STEPS)
    return None if episode is None or _improves(rate, units) else episode


def _improves(rate: np.ndarray, units: np.ndarray) -> bool:
    """Whether a rate is lower in the last quarter of the steps than in the second, by a tenth or more and beyond chance."""
    size = len(rate)
    if size < 12:
        return False
    early, late = (pooled(rate, units, part) for part in (slice(size // 4, size // 2), slice(3 * size // 4, size)))
    (before, many), (after, more) = early, late
    spread = np.sqrt(max(before * (1 - before), 0.01) / max(many, 1) + max(after * (1 - after), 0.01) / max(more, 1))
    return bool(before - after >= max(0.1 * before, 3 * spread))


def pooled(rate: np.ndarray, units: np.ndarray, part: slice) -> tuple[float, float]:
    known = ~np.isnan(rate[part])
    number = float(units[part][known].sum())
    return float((rate[part][known] * units[part][known]).sum() / max(number, 1e-9)), number
