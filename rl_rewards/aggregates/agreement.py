"""Agreement of a reward with another one or with a column: AUC, Spearman's correlation and Cohen's kappa."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import field
from typing import Literal

import numpy as np

from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State, configured, without_reference
from rl_rewards.aggregates.labels import number_of, reads_columns, truth_of
from rl_rewards.aggregates.sums import SumTable, floats_of, keys_of
from rl_rewards.references import MissingReferenceError
from rl_rewards.user_errors import require

__all__ = ["Auc", "CohenKappa", "Spearman"]


@configured
class _Agreement(Aggregate):
    """The pairs of score and label, each distinct one with the number of its rows: 24 bytes."""

    label: str = "label"
    """What it should agree with: the name of another reward, a dataset column, or a template such as "{{references.label}}"."""

    # The number's name.
    _word = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        reads_columns(self.label)

    @property
    def columns(self) -> frozenset[str]:
        return reads_columns(self.label)

    def start(self) -> State:
        require(f"the aggregate {type(self).__name__}", "sklearn")
        return State(Coverage(), SumTable(2, 1))

    def pair(self, score: float, rows: Rows, place: int) -> tuple[float, float]:
        """Score and label of a row.

        Raises:
            MissingReferenceError: when it has no label of use.
        """
        return score, number_of(self.label, rows.evaluation.samples[place], rows.evaluation.columns.get(self.label), place)

    def add(self, state: State, rows: Rows) -> None:
        column, pairs = rows.evaluation.columns[self.reward], []
        for i in self.scored(state, rows):
            try:
                pairs.append(self.pair(column.scores[i] or 0.0, rows, i))
            except MissingReferenceError as missing:
                without_reference(state.coverage, column, i, str(missing))
        if pairs:
            state.sums.add(keys_of(np.array(pairs, float)), np.ones((len(pairs), 1)))

    def numbers(self, state: State) -> list[Number]:
        keys, counts = state.sums.rows()
        scores, labels = floats_of(keys[:, 0]), floats_of(keys[:, 1])
        counted, problem = state.coverage.counted, state.coverage.problem
        note = None if counted else f"no row has a score and a label{f': {problem}' if problem else ''}"
        if counted and (note := self.undefined(scores, labels)) is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return [Number(self._word, self.value(scores, labels, counts[:, 0]), counted, "rows", direction=self.direction)]
        return [Number(self._word, None, counted, "rows", direction=self.direction, note=note)]

    def undefined(self, scores: np.ndarray, labels: np.ndarray) -> str | None:
        """Why there is no number; None where there is one."""
        for what, values in (("scores", scores), ("labels", labels)):
            if len(np.unique(values)) < 2:
                return f"all {what} are {values[0]:g}"
        return None

    @abstractmethod
    def value(self, scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
        """The number, of distinct pairs and the number of rows of each, shape (M,)."""


@configured
class Auc(_Agreement):
    """Area under the ROC curve: the chance that a positive row scores higher than a negative one, by scikit-learn; equal scores count half.

    The label is positive where it says yes or is at least `positive_from`.
    """

    positive_from: float = field(default=0.5, kw_only=True)
    """The number from which on a label is positive."""

    _word = "auc"

    def pair(self, score: float, rows: Rows, place: int) -> tuple[float, float]:
        sample, other = rows.evaluation.samples[place], rows.evaluation.columns.get(self.label)
        return score, float(truth_of(self.label, sample, other, place, self.positive_from))

    def value(self, scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(labels, scores, sample_weight=rows))


@configured
class Spearman(_Agreement):
    """Spearman's rank correlation of the reward's scores with the label's numbers; equal ones have the mean of their ranks."""

    _word = "spearman"

    def value(self, scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
        first, second = _ranks(scores, rows), _ranks(labels, rows)
        first, second = first - np.average(first, weights=rows), second - np.average(second, weights=rows)
        return float(np.sum(rows * first * second) / np.sqrt(np.sum(rows * first**2) * np.sum(rows * second**2)))


@configured
class CohenKappa(_Agreement):
    """Cohen's kappa of the reward's scores with the label's numbers as ratings, beyond what chance gives, by scikit-learn.

    With a threshold both are yes or no; without one each distinct number is a category of its own.
    """

    threshold: float | None = field(default=None, kw_only=True)
    """The score, and the label's number, from which on the rating is yes."""
    weights: Literal["linear", "quadratic"] | None = field(default=None, kw_only=True)
    """How a near miss counts, by the distance between the ranks of the ratings; by default like any other."""
    ratings: tuple[float, ...] = field(default=(), kw_only=True)
    """All ratings of the scale, in order, for weights where some do not occur; empty: those that occur."""

    _word = "cohen_kappa"

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.ratings) != sorted(set(self.ratings)):
            raise ValueError(f"ratings must be ascending, each once, got {list(self.ratings)}")

    def pair(self, score: float, rows: Rows, place: int) -> tuple[float, float]:
        if self.threshold is None:
            score, label = super().pair(score, rows, place)
            if self.ratings and label not in self.ratings:
                raise MissingReferenceError(f"the label must be one of ratings {list(self.ratings)}, got {label:g}")
            return score, label
        sample, other = rows.evaluation.samples[place], rows.evaluation.columns.get(self.label)
        return float(score >= self.threshold), float(truth_of(self.label, sample, other, place, self.threshold))

    def undefined(self, scores: np.ndarray, labels: np.ndarray) -> str | None:
        if self.ratings and (wrong := sorted(set(scores.tolist()) - set(self.ratings))):
            return f"scores must be among ratings {list(self.ratings)}, got {wrong[:5]}"
        return f"all scores and labels are {scores[0]:g}" if len(np.unique([scores, labels])) < 2 else None

    def value(self, scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
        from sklearn.metrics import cohen_kappa_score

        scale = np.array(self.ratings) if self.ratings else np.unique([scores, labels])
        first, second = np.searchsorted(scale, scores), np.searchsorted(scale, labels)
        return float(cohen_kappa_score(first, second, labels=range(len(scale)), weights=self.weights, sample_weight=rows))


def _ranks(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mean ranks of values that stand for `rows` rows each."""
    _, places = np.unique(values, return_inverse=True)
    sizes = np.bincount(places, weights=rows)
    return (np.cumsum(sizes) - (sizes - 1) / 2)[places]
