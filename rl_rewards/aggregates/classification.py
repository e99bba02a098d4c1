"""Accuracy, precision, recall and F-beta of labels, computed by scikit-learn: binary, categorical, lists and sets."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import field
from typing import Any, Literal

from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State, configured, lacks_answer, without_reference
from rl_rewards.aggregates.labels import LabelPairs, Labels, label_set, reads_columns, truth_of
from rl_rewards.references import MissingReferenceError
from rl_rewards.user_errors import require

__all__ = ["Accuracy", "FBeta", "Precision", "Recall"]

Average = Literal["micro", "macro", "weighted"]
_AVERAGES: tuple[Average, ...] = ("micro", "macro", "weighted")
_POSITIVE = ("positive",)


@configured
class _Classification(Aggregate):
    """What the four have in common: the pairs of true and found label sets, each with the number of its rows."""

    label: str = "answer"
    """What is true: the name of another reward, a dataset column, or a template such as "{{references.answer}}"."""
    threshold: float | None = field(default=None, kw_only=True)
    """Makes it binary: the row is positive where the reward's score is at least this, and true where the label says yes, or is at least this."""
    field_name: str | None = field(default=None, kw_only=True)
    """Field of a JSON answer and label that holds the label, by exact name; a dot leads into an object."""
    labels: tuple[str, ...] = field(default=(), kw_only=True)
    """The labels that averages are taken over; empty: all that are true or found somewhere, as scikit-learn does."""
    ignore_case: bool = field(default=False, kw_only=True)
    """Whether capital and small letters are the same."""

    def __post_init__(self) -> None:
        super().__post_init__()
        reads_columns(self.label)
        if self.threshold is not None and (self.field_name is not None or self.labels):
            raise ValueError("threshold compares scores, which have no field_name and no labels: give one or the others")

    @property
    def reads_answers(self) -> bool:
        return self.threshold is None

    @property
    def columns(self) -> frozenset[str]:
        return reads_columns(self.label)

    def start(self) -> State:
        require(f"the aggregate {type(self).__name__}", "sklearn")
        return State(Coverage(), LabelPairs())

    def add(self, state: State, rows: Rows) -> None:
        evaluation = rows.evaluation
        column, other = evaluation.columns[self.reward], evaluation.columns.get(self.label)
        pairs: Counter[tuple[Labels, Labels]] = Counter()
        for i in self.scored(state, rows):
            try:
                pairs[self._true(evaluation.samples[i], other, i), self._found(column, i)] += 1
            except MissingReferenceError as missing:
                without_reference(state.coverage, column, i, str(missing))
        state.sums.update(pairs)

    def _true(self, sample: Any, other: Any, place: int) -> Labels:
        if self.threshold is not None:
            return _POSITIVE if truth_of(self.label, sample, other, place, self.threshold) else ()
        return label_set(truth_of(self.label, sample, other, place, None), self.field_name, self.ignore_case, required=True)

    def _found(self, column: Any, place: int) -> Labels:
        """The labels that a row's answer gives; a response without an answer gives none, which is wrong unless none is true."""
        if self.threshold is not None:
            return _POSITIVE if (column.scores[place] or 0.0) >= self.threshold else ()
        return () if lacks_answer(column, place) else label_set(column.answers[place], self.field_name, self.ignore_case, required=False)

    def _note(self, state: State) -> str | None:
        coverage = state.coverage
        return None if coverage.counted else f"no row has a score and a label{f': {coverage.problem}' if coverage.problem else ''}"


@configured
class Accuracy(_Classification):
    """Share of the rows whose answer gives exactly the true label, or the true labels of a list or set, by scikit-learn.

    A response without an answer is wrong.
    """

    def numbers(self, state: State) -> list[Number]:
        value = None
        if state.coverage.counted:
            from sklearn.metrics import accuracy_score

            true, found, weights, _ = state.sums.matrices(())
            value = float(accuracy_score(true, found, sample_weight=weights))
        return [Number("accuracy", value, state.coverage.counted, "rows", direction=self.direction, note=self._note(state))]


@configured
class _Averaged(_Classification):
    """Precision, recall and F-beta: an average over labels, of a binary one the positive's."""

    average: Average | tuple[Average, ...] = field(default=_AVERAGES, kw_only=True)
    """Averages over labels: micro (all decisions alike), macro (all labels alike), weighted (by how often a label is true)."""
    per_label: bool = field(default=False, kw_only=True)
    """Whether each label has a number of its own, `<name>_label/<label>`."""

    # The place in scikit-learn's triple.
    _place = 0

    def word(self) -> str:
        """The number's name without its average."""
        return type(self).__name__.lower()

    def beta_of(self) -> float:
        return 1.0

    def numbers(self, state: State) -> list[Number]:
        counted, note = state.coverage.counted, self._note(state)
        averages = (self.average,) if isinstance(self.average, str) else self.average
        names = [self.word()] if self.threshold is not None else [f"{self.word()}_{average}" for average in averages]
        if not counted:
            return [Number(name, None, 0, "rows", direction=self.direction, note=note) for name in names]
        from sklearn.metrics import precision_recall_fscore_support

        zero: Any = 0.0  # its types know text alone

        true, found, weights, labels = state.sums.matrices(self.labels or (_POSITIVE if self.threshold is not None else ()))
        if not labels:
            return [Number(name, None, counted, "rows", direction=self.direction, note="no row has a label") for name in names]

        def scores(average: Average | None) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return precision_recall_fscore_support(
                    true, found, beta=self.beta_of(), average=average, labels=range(len(labels)), sample_weight=weights, zero_division=zero
                )[self._place]

        values = [float(scores("micro"))] if self.threshold is not None else [float(scores(average)) for average in averages]
        numbers = [Number(name, value, counted, "rows", direction=self.direction, note=note) for name, value in zip(names, values)]
        if self.per_label and self.threshold is None:
            each = zip(labels, scores(None))
            numbers += [Number(f"{self.word()}_label/{label}", float(value), counted, "rows", direction=self.direction) for label, value in each]
        return numbers


@configured
class Precision(_Averaged):
    """Share of the labels that were given which are true, by scikit-learn; 0 where none was given."""

    _place = 0


@configured
class Recall(_Averaged):
    """Share of the true labels that were given, by scikit-learn; 0 where none is true."""

    _place = 1


@configured
class FBeta(_Averaged):
    """F-beta of labels, by scikit-learn: the weighted harmonic mean of precision and recall (`f1_macro` for beta 1)."""

    beta: float = field(default=1.0, kw_only=True)
    """How many times as much recall counts as precision."""

    _place = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0:
            raise ValueError(f"beta must be above 0, got {self.beta:g}")

    def word(self) -> str:
        return f"f{self.beta:g}"

    def beta_of(self) -> float:
        return self.beta
