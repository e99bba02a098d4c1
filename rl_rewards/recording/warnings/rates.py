"""Warnings about shares of rows: outcomes, clips, gates, rows left out, groups without a spread, repeated completions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rl_rewards.recording.warnings.change import Episode, episodes, rate_llr, trailing_mean, wilson
from rl_rewards.recording.warnings.known import known_highest, known_lowest, known_mean
from rl_rewards.recording.warnings.rate_changes import Level, jump_of, level_of, pooled
from rl_rewards.recording.warnings.series import RunSeries, ratio
from rl_rewards.recording.warnings.warning import RunWarning

__all__ = ["rate_warnings"]

# Outcome -> the smallest rise that counts, and the level that counts by itself.
_OUTCOMES = {
    "unparsed": (0.15, Level(0.8, 0.95)),
    "errors": (0.08, Level(0.1, 0.3)),
    "timeouts": (0.10, Level(0.25, 0.5)),
    "skipped": (0.20, Level(0.999, 0.9999)),
}
_KINDS = {"unparsed": "unparsed_rate", "errors": "error_rate", "timeouts": "timeout_rate", "skipped": "skipped_rate"}
_SAID = {"unparsed": "responses without an answer", "errors": "rows on which it failed", "timeouts": "rows that ran out of time"}

_CLIPPED = Level(0.4, 0.65)
_GATE = Level(0.75, 0.92)
_UNSCORABLE = Level(0.03, 0.12)
_ALL_RIGHT = Level(0.8, 0.95)
_ALL_WRONG = Level(0.88, 0.975)
_SATURATED = Level(0.93, 0.99)
_REPEATED = Level(0.85, 0.97)
_CUT_OFF = Level(0.5, 0.75)
_RISE_OF_CUT_OFF = 0.2
_RISE_OF_WRONG = 0.3
_RISE_OF_CLOSED = 0.3
_MOST_OF_THE_TIME = 0.6
_RISE_OF_REPEATED = 0.3
# Learned: this much of the range between its lowest and highest score was gained since the start.
_LEARNED = 0.15
# A reward is high from this share of its range on.
_HIGH = 0.75
# A gain of this share of the range in one step, smoothed over three, was not learned.
_ONE_STEP = 0.25


def rate_warnings(series: RunSeries) -> Iterator[RunWarning]:
    """All of them."""
    for reward in range(len(series.names)):
        yield from _outcomes(series, reward)
        yield from _clips_and_gates(series, reward)
    yield from _unscorable(series)
    yield from _flat_groups(series)
    yield from _saturated(series)
    yield from _repeated(series)
    yield from _cut_off(series)


def _outcomes(series: RunSeries, reward: int) -> Iterator[RunWarning]:
    counts, name = series.counts, series.names[reward]
    rows, skipped = counts["rows"][:, reward], counts["skipped"][:, reward]
    for outcome, (rise, level) in _OUTCOMES.items():
        # A column of the data decides which rows a reward applies to, and so for a whole group at once.
        of, units = (rows, series.units(rows, alike=1.0)) if outcome == "skipped" else (rows - skipped, series.units(rows - skipped))
        rate = ratio(counts[outcome][:, reward], of)
        said = f"{_SAID[outcome]}" if outcome in _SAID else "rows that it does not apply to"
        jump = jump_of(rate, units, rise)
        if jump is not None:
            yield _rise(series, _KINDS[outcome], name, jump, rate, units, said)
            continue
        episode = level_of(series, rate, units, level)
        if episode is not None:
            yield _at(series, _KINDS[outcome], name, episode, rate, units, said)


def _clips_and_gates(series: RunSeries, reward: int) -> Iterator[RunWarning]:
    counts, name = series.counts, series.names[reward]
    scored, gated = counts["count"][:, reward], counts["gated"][:, reward]
    for kind, hits, of, level, said in (
        ("clipped", counts["clipped"][:, reward], scored, _CLIPPED, "scores that the clip changed"),
        ("gate_closed", counts["gate_closed"][:, reward], gated, _GATE, "rows whose gate was closed"),
    ):
        rate, units = ratio(hits, of), series.units(of)
        jump = jump_of(rate, units, _RISE_OF_CLOSED, _MOST_OF_THE_TIME)
        if jump is not None and jump[0].end is None:
            yield _rise(series, kind, name, jump, rate, units, said)
        elif (episode := level_of(series, rate, units, level)) is not None:
            yield _at(series, kind, name, episode, rate, units, said)


def _unscorable(series: RunSeries) -> Iterator[RunWarning]:
    rate, units = ratio(series.unscorable, series.rows), series.units(series.rows)
    found = episodes(rate_llr(rate, units, _UNSCORABLE.fine, _UNSCORABLE.bad), clip=series.size > 1)
    if found and series.rows.sum() >= 32:
        yield _at(series, "unscorable_rows", None, found[-1], rate, units, "rows that are left out, since a weighted reward failed there")


def _flat_groups(series: RunSeries) -> Iterator[RunWarning]:
    """Of the total, and of the reward that leads it where a small one keeps the total's groups from being flat."""
    leading, total = series.leading, len(series.names)
    subjects: list[tuple[int, str | None]] = [(total, None)]
    if leading is not None:
        subjects.append((leading, series.names[leading]))
    said: set[str] = set()
    for column, name in subjects:
        middle = _middle(series, column)
        right, wrong = (np.array([float((side(flat[column], middle)).sum()) for flat in series.flat]) for side in (np.greater_equal, np.less))
        if column < total and series.weights[column] < 0:  # a penalty: the lower the better
            right, wrong = wrong, right
        judged = series.judged[:, column]
        for kind, hits, level in (("groups_all_right", right, _ALL_RIGHT), ("groups_all_wrong", wrong, _ALL_WRONG)):
            rate = ratio(hits, judged)
            episode = level_of(series, rate, judged, level)
            if episode is None and kind == "groups_all_wrong":
                jump = jump_of(rate, judged, _RISE_OF_WRONG, 0.6)
                episode = jump[0] if jump is not None and jump[0].end is None else None
            if episode is None or kind in said:
                continue
            said.add(kind)
            learned = kind == "groups_all_right" and _learned(series, column, episode.onset)
            what = "groups whose completions are all equally good" if kind == "groups_all_right" else "groups whose completions are all equally bad"
            yield _at(series, kind, name, episode, rate, judged, what, learned)


def _middle(series: RunSeries, column: int) -> float:
    """From where on a flat group is all right: halfway between the extremes of the reward, or of what the rewards can make of the total."""
    if column < len(series.names):
        low, high = series.bounds(column)
        return (low + high) / 2 if high > low else (0.5 * high if high > 0 else 1e-9)
    ends = [sorted((series.weights[i] * low, series.weights[i] * high)) for i in series.weighted for low, high in [series.bounds(i)] if high >= low]
    low, high = sum(end[0] for end in ends), sum(end[1] for end in ends)
    return (low + high) / 2 if high > low else (0.5 * high if high > 0 else 1e-9)


def _saturated(series: RunSeries) -> Iterator[RunWarning]:
    """Of rewards that lead the total: a format reward of a small weight is at its ceiling in every healthy run."""
    reward = series.leading
    if reward is None or series.weights[reward] < 0:  # the highest penalty is no ceiling
        return
    scored = series.counts["count"][:, reward]
    rate, units = ratio(series.at_ceiling(reward), scored), series.units(scored)
    episode = level_of(series, rate, units, _SATURATED)
    if episode is not None:
        said = f"scores that are the highest there is ({series.bounds(reward)[1]:g})"
        yield _at(series, "saturated", series.names[reward], episode, rate, units, said, _learned(series, reward, episode.onset))


def _repeated(series: RunSeries) -> Iterator[RunWarning]:
    """Completions that are equal within a group. A task with short answers has many once it is learned: that is a note."""
    rate, units = ratio(series.repeated, series.repeat_rows - series.groups), series.units(series.repeat_rows)
    jump = jump_of(rate, units, _RISE_OF_REPEATED, 0.5)
    episode = jump[0] if jump is not None and jump[0].end is None else level_of(series, rate, units, _REPEATED)
    if episode is None:
        return
    note = series.leading is not None and _pays(series, series.leading, episode.onset)
    yield _at(series, "duplicates", None, episode, rate, units, "further completions of a group that repeat an earlier one word for word", note)


def _pays(series: RunSeries, reward: int, onset: int) -> bool:
    """Whether a reward is high at the end, or higher than it was before `onset`."""
    sign = float(np.sign(series.weights[reward]))
    low, high = sorted(sign * bound for bound in series.bounds(reward))
    course = sign * series.mean(reward)
    now = known_mean(course[-8:])
    before = known_mean(course[max(0, onset - 8) : max(onset, 3)])
    return now >= low + _HIGH * (high - low) or now - before >= _LEARNED * (high - low)


def _cut_off(series: RunSeries) -> Iterator[RunWarning]:
    """Completions at the most tokens there are: the trainer's limit, or a length at which many end; or those that the trainer counts as cut
    off, which knows of a limit that is not in its configuration, or that changes."""
    for warning in (_at_longest(series), _logged_as_cut_off(series)):
        if warning is not None:
            yield warning
            return


def _at_longest(series: RunSeries) -> RunWarning | None:
    if not np.isfinite(series.longest).any():
        return None
    limit = float(series.length_limit or np.nanmax(series.longest))
    hits = np.where(series.longest >= limit, series.at_longest, 0.0)
    if hits.sum() < 10 or (hits > 0).sum() < 3:
        return None
    return _cut_off_at(series, ratio(hits, series.rows), f"completions of {limit:g} tokens, the most there are")


def _logged_as_cut_off(series: RunSeries) -> RunWarning | None:
    """TRL's `completions/clipped_ratio`: the share of completions without an end, a mean over the steps since it was logged before."""
    at, values = series.log.get("completions/clipped_ratio", (np.empty(0), np.empty(0)))
    known = np.isfinite(values)
    if known.sum() < 3:
        return None
    last = np.searchsorted(at[known], series.steps)
    rate = np.append(values[known], np.nan)[last]
    return _cut_off_at(series, rate, "completions that were cut off before their end")


def _cut_off_at(series: RunSeries, rate: np.ndarray, said: str) -> RunWarning | None:
    units = series.units(series.rows)
    jump = jump_of(rate, units, _RISE_OF_CUT_OFF)
    if jump is not None:
        return _rise(series, "length_limit", None, jump, rate, units, said)
    episode = level_of(series, rate, units, _CUT_OFF)
    return None if episode is None else _at(series, "length_limit", None, episode, rate, units, said)


def _learned(series: RunSeries, column: int, onset: int) -> bool:
    """Whether the mean rose step by step to where it is from `onset` on: no jump, and a gain over many steps."""
    course = series.total if column == len(series.names) else series.mean(column)
    before = course[:onset]
    if np.isfinite(before).sum() < 5:
        return False
    low, high = known_lowest(course), known_highest(course)
    if high - known_mean(before[: max(3, onset // 5)]) < _LEARNED * max(high - low, 1e-12):
        return False
    steps = np.nan_to_num(np.diff(trailing_mean(course[: onset + 5], 3)))
    return not bool((steps >= _ONE_STEP * (high - low)).any())


def _rise(
    series: RunSeries, kind: str, reward: str | None, jump: tuple[Episode, float], rate: np.ndarray, units: np.ndarray, said: str
) -> RunWarning:
    episode, before = jump
    after, number = pooled(rate, units, slice(episode.onset, None if episode.end is None else episode.end + 1))
    before, _ = pooled(rate, units, slice(max(0, episode.onset - 50), episode.onset)) if episode.onset else (before, 0.0)
    message = f"{after:.1%} {said}, {before:.1%} before"
    return _warning(series, kind, reward, episode, message, {"rate": after, "before": before, "observations": number})


def _at(
    series: RunSeries, kind: str, reward: str | None, episode: Episode, rate: np.ndarray, units: np.ndarray, said: str, note: bool = False
) -> RunWarning:
    after, number = pooled(rate, units, slice(episode.onset, None if episode.end is None else episode.end + 1))
    low, high = (float(bound) for bound in wilson(after, number, 1.96))
    numbers = {"rate": after, "low": low, "high": high, "observations": number}
    return _warning(series, kind, reward, episode, f"{after:.1%} {said}", numbers, note)


def _warning(
    series: RunSeries, kind: str, reward: str | None, episode: Episode, evidence: str, numbers: dict[str, float], note: bool = False
) -> RunWarning:
    step, until = (None if at is None or series.steps[at] < 0 else int(series.steps[at]) for at in (episode.onset, episode.end))
    return RunWarning(kind, reward, step, evidence, numbers, "note" if note else "warning", until)
