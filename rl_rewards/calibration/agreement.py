"""How far scores agree with labels, with bootstrap intervals over prompts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rl_rewards.calibration.labels import Labels

__all__ = ["Agreement", "Estimate", "agreement", "best_threshold", "resampled"]

_INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; no interval where too few resamples have the number."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]")


@dataclass(frozen=True)
class Agreement:
    """How far scores agree with labels.

    Attributes:
        rows, prompts: how many were compared.
        positive: how many rows have a good label.
        threshold: the score from which on a row counts as good that fits best: of the highest kappa.
        accuracy, kappa: at that threshold, of the rows that it was chosen on; Cohen's kappa.
        held_out_accuracy, held_out_kappa: means over resamples, of the rows that each leaves out, at the threshold that the others chose.
        auc: probability that a good row scores above a bad one, ties counting half.
        weighted_kappa, exact: for labels of three and more levels: quadratic weights, and the share of rows at the same level, the scores being
            taken to the labels' range.
        spearman: rank correlation of scores and labels.
    """

    rows: int
    prompts: int
    positive: int
    threshold: float
    accuracy: Estimate
    kappa: Estimate
    held_out_accuracy: Estimate | None
    held_out_kappa: Estimate | None
    auc: Estimate
    spearman: Estimate
    weighted_kappa: Estimate | None = None
    exact: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def agreement(scores: np.ndarray, labels: Labels, prompts: np.ndarray, resamples: int = 1000, seed: int = 0) -> Agreement:
    """Compare N scores with N labels.

    Args:
        scores: (N,) float.
        prompts: (N,) int, which rows have one prompt: whole prompts are resampled, since their completions are alike.
        resamples: of the bootstrap; 0 for no intervals.
    """
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    good = labels.positive
    threshold = best_threshold(scores, good)
    several = len(labels.levels) > 2
    levels = _at_levels(scores, labels) if several else None

    def of(rows: np.ndarray) -> dict[str, float]:
        found = {
            "accuracy": accuracy_score(good[rows], scores[rows] >= threshold),
            "kappa": _quiet(cohen_kappa_score, good[rows], scores[rows] >= threshold),
            "auc": _auc(scores[rows], good[rows]),
            "spearman": _spearman(scores[rows], labels.values[rows]),
        }
        if levels is not None:
            found["weighted_kappa"] = _quiet(cohen_kappa_score, labels_at[rows], levels[rows], weights="quadratic")
            found["exact"] = accuracy_score(labels_at[rows], levels[rows])
        return found

    labels_at = np.searchsorted(labels.levels, labels.values)
    everything = np.arange(len(scores))
    values = of(everything)
    drawn: dict[str, list[float]] = {name: [] for name in (*values, "held_out_accuracy", "held_out_kappa")}
    for rows, left_out in resampled(prompts, resamples, seed):
        for name, value in of(rows).items():
            drawn[name].append(value)
        if len(left_out) and good[rows].any() and not good[rows].all():
            cut = best_threshold(scores[rows], good[rows])
            drawn["held_out_accuracy"].append(float(np.mean((scores[left_out] >= cut) == good[left_out])))
            drawn["held_out_kappa"].append(_quiet(cohen_kappa_score, good[left_out], scores[left_out] >= cut))
    estimates: dict[str, Any] = {name: _estimate(value, drawn[name]) for name, value in values.items()}
    for name in ("held_out_accuracy", "held_out_kappa"):
        found = [value for value in drawn[name] if np.isfinite(value)]
        estimates[name] = _estimate(float(np.mean(found)), found) if found else None
    return Agreement(len(scores), len(np.unique(prompts)), int(good.sum()), threshold, **estimates)


def best_threshold(scores: np.ndarray, good: np.ndarray) -> float:
    """The threshold of the highest kappa: half-way between two neighbouring scores; of several the one that accepts about as many as are good."""
    distinct = np.unique(scores)
    if len(distinct) == 1:
        return float(distinct[0])
    cuts = (distinct[1:] + distinct[:-1]) / 2
    ordered, sorted_good = np.sort(scores), good[np.argsort(scores, kind="stable")].astype(float)
    below = np.searchsorted(ordered, cuts)
    n, positives = len(scores), sorted_good.sum()
    missed = np.concatenate([[0.0], np.cumsum(sorted_good)])[below]
    accepted = n - below
    hits = positives - missed
    observed = (hits + (below - missed)) / n
    expected = (accepted * positives + below * (n - positives)) / n**2
    kappa = (observed - expected) / np.maximum(1 - expected, 1e-12)
    near = np.flatnonzero(kappa >= kappa.max() - 1e-12)
    return float(cuts[near[np.argmin(np.abs(accepted[near] - positives))]])


def resampled(prompts: np.ndarray, resamples: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of prompts drawn with replacement, and the rows of those that were not drawn; rows are drawn where there is one prompt."""
    random = np.random.default_rng(seed)
    names, of_row = np.unique(prompts, return_inverse=True)
    if len(names) == 1:
        of_row = np.arange(len(prompts))
    clusters = int(of_row.max()) + 1
    order = np.argsort(of_row, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(of_row, minlength=clusters))[:-1])
    for _ in range(resamples):
        drawn = random.integers(0, clusters, clusters)
        missing = np.setdiff1d(np.arange(clusters), drawn)
        yield np.concatenate([members[i] for i in drawn]), np.concatenate([members[i] for i in missing]) if len(missing) else np.array([], dtype=int)


def _auc(scores: np.ndarray, good: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(good, scores)) if good.any() and not good.all() else float("nan")


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    from scipy.stats import rankdata

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _quiet(metric: Callable[..., Any], *arrays: np.ndarray, **options: Any) -> float:
    """A metric of a resample that may have one class; NaN where that leaves nothing to measure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(metric(*arrays, **options))


def _at_levels(scores: np.ndarray, labels: Labels) -> np.ndarray:
    """The place of each score among the labels' levels: as it is where scores have the labels' range, else from 0..1 taken to it."""
    low, high = labels.levels[0], labels.levels[-1]
    if scores.min() >= 0 and scores.max() <= 1 and not (low >= 0 and high <= 1):
        scores = low + scores * (high - low)
    return np.abs(scores[:, None] - labels.levels[None, :]).argmin(axis=1)


def _estimate(value: float, drawn: list[float]) -> Estimate:
    found = np.array([each for each in drawn if np.isfinite(each)])
    if len(found) < max(20, len(drawn) / 2):
        return Estimate(float(value))
    low, high = np.percentile(found, _INTERVAL)
    return Estimate(float(value), float(low), float(high))
