"""Human labels: yes and no, numbers, or names of which one is the good one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from rl_rewards.user_errors import UserError

__all__ = ["LabelError", "Labels", "labels_of"]

_YES = frozenset({"yes", "true", "y", "good", "correct", "pass", "accept", "accepted", "right"})
_NO = frozenset({"no", "false", "n", "bad", "incorrect", "fail", "reject", "rejected", "wrong"})


class LabelError(UserError, ValueError):
    """Labels that nothing can be compared with."""


@dataclass(frozen=True)
class Labels:
    """Labels of N rows.

    Attributes:
        values: N numbers (float); of yes and no 1 and 0.
        positive: N booleans: which rows are good.
        cut: the number from which on a label is good.
    """

    values: np.ndarray
    positive: np.ndarray
    cut: float

    @property
    def levels(self) -> np.ndarray:
        """The distinct numbers, from the lowest up."""
        return np.unique(self.values)


def labels_of(raw: Sequence[Any], column: str, positive: str | None = None) -> Labels:
    """The labels of a column.

    Args:
        raw: N values, none of them empty.
        column: its name, for errors.
        positive: the label that is the good one, or for numbers the lowest good one; by default yes, or the middle of the numbers.

    Raises:
        LabelError: when values are neither numbers nor yes and no, and `positive` names none of them; or when all rows are alike.
    """
    numbers = [_number(value) for value in raw]
    if all(number is not None for number in numbers):
        values = np.array(numbers, dtype=float)
        cut = _number(positive) if positive is not None else (values.min() + values.max()) / 2
        if cut is None:
            raise LabelError(f"the positive label must be a number, as the labels in {column!r} are, got {positive!r}")
        good = values >= cut if positive is not None else values > cut
        cut = float(values[good].min()) if good.any() else float(cut)
    else:
        names = sorted({str(value).strip().casefold() for value in raw})
        if positive is None:
            unknown = next((value for value in raw if _number(value) is None), None)
            raise LabelError(
                f"labels in {column!r} must be numbers, or yes and no, got {unknown!r:.60}; name the good one with --positive: {', '.join(names[:8])}"
            )
        wanted = positive.strip().casefold()
        if wanted not in names:
            near = get_close_matches(wanted, names, n=1)
            raise LabelError(
                f"the positive label must be one of {', '.join(names[:12])}, got {positive!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        good = np.array([str(value).strip().casefold() == wanted for value in raw])
        values, cut = good.astype(float), 1.0
    if good.all() or not good.any():
        found = "rows that are all alike" if np.ptp(values) == 0 else f"rows, {'none' if not good.any() else 'all'} of them good"
        raise LabelError(f"labels in {column!r} must have both good and bad rows, got {len(raw)} {found}")
    return Labels(values, good, cut)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip().casefold()
        if text in _YES or text in _NO:
            return float(text in _YES)
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, (bool, int, float, np.number)):
        return float(value) if math.isfinite(value) else None
    return None
