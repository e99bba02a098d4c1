"""Which completions a page can hold: whole groups, failures and extremes before all others, the rest spread evenly over the steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, zip_longest

import numpy as np

from rl_rewards.reporting.figures import step_bins
from rl_rewards.reporting.run import OUTCOMES, Run
from rl_rewards.reporting.slowest import slowest

__all__ = ["sample_rows", "scaled_scores"]

_STRATA = 20
_OF_EACH = 2
_ROW_BYTES = 60
_TEXT_LIMIT = 12_000


def sample_rows(run: Run, budget: int, seed: int = 0) -> np.ndarray:
    """Places of the completions that fit into so many bytes, in the run's order.

    Groups are kept whole. First come the slowest rows, then those with the highest and lowest total, score and length, and the largest disagreement of two rewards in
    the whole run; then those that hold a row of each outcome but `scored`, for each reward and each twentieth of the steps; then the highest
    and lowest there; then all others in a random order that goes round the twentieths.

    Args:
        budget: bytes of text, before compression.
    """
    unit = _units(run)
    costs = np.bincount(unit, np.minimum(run.text_size, _TEXT_LIMIT) + _ROW_BYTES + 12 * len(run.rewards))
    if costs.sum() <= budget:
        return np.arange(len(run))
    _, stratum = np.unique(step_bins(run.step, _STRATA)[0], return_inverse=True)
    generator = np.random.default_rng(seed)
    whole = np.zeros(len(run), np.int64)
    order = np.fromiter(
        chain(
            (slow.row for slow in slowest(run)),
            _extremes(run, whole),
            _outcomes_first(run, stratum),
            _extremes(run, stratum),
            _evenly(unit, stratum, generator),
        ),
        np.int64,
    )
    units, first = np.unique(unit[order], return_index=True)
    units = units[np.argsort(first)]
    kept = units[np.cumsum(costs[units]) <= budget]
    return np.flatnonzero(np.isin(unit, kept if len(kept) else units[:1]))


def scaled_scores(run: Run) -> np.ndarray:
    """Scores scaled to each reward's range over the run, shape (N, R); 0 for a reward of one score."""
    with np.errstate(invalid="ignore"):
        low, high = (
            np.array([reduce(column[np.isfinite(column)], initial=0.0) for column in run.scores.T]) if run.scores.size else np.zeros(0)
            for reduce in (_low, _high)
        )
    width = np.where(high > low, high - low, 1.0)
    return (run.scores - low) / width


def _low(values: np.ndarray, initial: float) -> float:
    return float(values.min()) if len(values) else initial


def _high(values: np.ndarray, initial: float) -> float:
    return float(values.max()) if len(values) else initial


def _units(run: Run) -> np.ndarray:
    """What is kept whole: the group's number, or one of its own for a completion without a group, shape (N,)."""
    alone = run.group < 0
    return np.where(alone, run.group.max(initial=-1) + np.cumsum(alone), run.group)


def _outcomes_first(run: Run, stratum: np.ndarray) -> Iterator[int]:
    for reward in range(len(run.rewards)):
        for code, outcome in enumerate(OUTCOMES):
            if outcome != "scored":
                yield from _some_of_each(np.flatnonzero(run.outcomes[:, reward] == code), stratum)
        yield from _some_of_each(np.flatnonzero(run.gate[:, reward] == 0), stratum)


def _some_of_each(rows: np.ndarray, stratum: np.ndarray) -> Iterator[int]:
    order = rows[np.argsort(stratum[rows], kind="stable")]
    _, start = np.unique(stratum[order], return_index=True)
    for first in start:
        yield from order[first : first + _OF_EACH].tolist()


def _extremes(run: Run, stratum: np.ndarray) -> Iterator[int]:
    scaled = scaled_scores(run)
    pairs = list(combinations(range(len(run.rewards)), 2))[:15]
    numbers = [run.total, run.lengths[0], run.advantage, *run.scores.T, *(np.abs(scaled[:, a] - scaled[:, b]) for a, b in pairs)]
    for values in numbers:
        rows = np.flatnonzero(np.isfinite(values))
        if len(rows):
            order = rows[np.lexsort((values[rows], stratum[rows]))]
            ends = np.flatnonzero(np.r_[np.diff(stratum[order]) != 0, True])
            yield from order[ends].tolist()
            yield from order[np.r_[0, ends[:-1] + 1]].tolist()


def _evenly(unit: np.ndarray, stratum: np.ndarray, generator: np.random.Generator) -> Iterator[int]:
    """The first completion of every unit, going round the strata."""
    _, first = np.unique(unit, return_index=True)
    first = generator.permutation(first)
    rounds = zip_longest(*(first[stratum[first] == each].tolist() for each in np.unique(stratum)))
    return (row for each in rounds for row in each if row is not None)
