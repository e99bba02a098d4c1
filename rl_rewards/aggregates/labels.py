"""True and found labels, and the matrices that scikit-learn makes of them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.parsers.json_object import load_json
from rl_rewards.references import MissingReferenceError, column_template, text_of
from rl_rewards.types import Sample

__all__ = ["LabelPairs", "Labels", "label_set", "number_of", "reads_columns", "truth_of"]

Labels = tuple[str, ...]
"""A set of labels, in order; of one label for a categorical answer."""

_YES = frozenset({"yes", "true", "1", "1.0", "y", "t", "right", "correct", "pass", "good", "positive"})
_NO = frozenset({"no", "false", "0", "0.0", "n", "f", "wrong", "incorrect", "fail", "bad", "negative"})


class LabelPairs(Counter[tuple[Labels, Labels]]):
    """Pairs of true and found label sets -> the number of their rows: memory goes by distinct pairs, not by rows."""

    def merge(self, other: LabelPairs) -> None:
        self.update(other)

    def matrices(self, labels: Sequence[str]) -> tuple[Any, Any, list[int], list[str]]:
        """Indicator matrices of true and found labels, one row for each distinct pair, the rows' weights, and the columns' labels.

        A last column that is always empty keeps scikit-learn from taking a single label for two classes; it belongs to no average.

        Args:
            labels: those that have columns; none: all that are there.
        """
        from scipy.sparse import csr_matrix

        names = list(labels) or sorted({name for pair in self for labels in pair for name in labels})
        # Labels that no average is taken over still tell right from wrong.
        others = sorted({name for pair in self for labels in pair for name in labels} - set(names))
        place = {name: i for i, name in enumerate([*names, *others])}
        pairs = sorted(self)

        def matrix(which: int) -> Any:
            cells = [(row, place[name]) for row, pair in enumerate(pairs) for name in pair[which]]
            rows, columns = zip(*cells) if cells else ((), ())
            return csr_matrix(([1] * len(cells), (rows, columns)), shape=(len(pairs), len(place) + 2), dtype=int)

        return matrix(0), matrix(1), [self[pair] for pair in pairs], names


def reads_columns(label: str) -> frozenset[str]:
    """The dataset columns that a `label` option reads, should it be no reward's name."""
    return column_template(label).columns


def truth_of(label: str, sample: Sample, other: Any, place: int, threshold: float | None) -> Any:
    """What the label says of a row: with a threshold whether it is positive, else its value.

    Args:
        other: the column of the reward that the label names; None where it names none.

    Raises:
        MissingReferenceError: when there is no label, or one that is neither yes nor no.
    """
    if other is not None:
        if other.scores[place] is None:
            raise MissingReferenceError(f"the reward {label!r} has no score of this row")
        return other.scores[place] >= threshold if threshold is not None else other.answers[place]
    value = column_template(label).value(sample)
    if threshold is None:
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value >= threshold
    word = str(value).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise MissingReferenceError(f"the label must be true or false, yes or no, or a number, got {value!r:.80}")


def number_of(label: str, sample: Sample, other: Any, place: int) -> float:
    """The label as a number: another reward's score, a column's number, 1 and 0 for yes and no.

    Raises:
        MissingReferenceError: when it is none.
    """
    if other is not None:
        if other.scores[place] is None:
            raise MissingReferenceError(f"the reward {label!r} has no score of this row")
        return other.scores[place]
    value = column_template(label).value(sample)
    try:
        number = float(value)
        if math.isfinite(number):
            return number
    except (TypeError, ValueError):
        word = str(value).strip().casefold()
        if word in _YES or word in _NO:
            return float(word in _YES)
    raise MissingReferenceError(f"the label must be a number, or yes or no, got {value!r:.80}")


def label_set(value: Any, field: str | None, ignore_case: bool, required: bool) -> Labels:
    """The labels that a value gives: itself as text, or the items of a list or set, each once, sorted.

    Args:
        field: the field of an object that holds them.
        required: whether a value without the field is an error; else it gives no label.

    Raises:
        MissingReferenceError: for a required one that is missing.
    """
    if field is not None:
        for name in field.split("."):
            value = _object(value)
            if value is None or name not in value:
                if required:
                    has = f"it has {sorted(value)}" if value is not None else "it is no object"
                    raise MissingReferenceError(f"the label has no field {name!r} of field_name {field!r}; {has}")
                return ()
            value = value[name]
    if value is None:
        if required:
            raise MissingReferenceError("the label is empty")
        return ()
    items = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    texts = {_text(item) for item in items if item is not None}
    return tuple(sorted({text.casefold() for text in texts} if ignore_case else texts))


def _object(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        try:
            value = load_json(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def _text(value: Any) -> str:
    if isinstance(value, (bool, Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text_of(value).strip()
