"""From the numbers that a reward model gives to one score, the others as components."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

TOTAL = "score"


class AmbiguousHeadsError(ValueError):
    """The model gives several numbers, and nothing says which of them is the score."""


class Heads:
    """How K numbers become one score.

    Args:
        columns: names of the numbers, `score` being the model's own total.
        heads: names with weights, or names alone for a model that has a total; each names a column, or all of them name the columns in
            order.
        values: for a distributional model, the K values whose probabilities the numbers are (as logits).
        sign: -1 where less is better.

    Raises:
        AmbiguousHeadsError: when there are several numbers without a total and neither weights nor values.
        ValueError: when heads or values don't fit the columns.
    """

    def __init__(
        self,
        columns: Sequence[str],
        heads: Mapping[str, float] | Sequence[str] | None = None,
        values: Sequence[float] | None = None,
        sign: int = 1,
    ) -> None:
        self.columns = _renamed(columns, list(heads)) if heads else tuple(columns)
        self.sign = sign
        self.values = None if values is None else tuple(values)
        if self.values is not None and len(self.values) != len(self.columns):
            raise ValueError(f"distribution: {len(self.values)} values for a model with {len(self.columns)} heads")
        self.weights = dict(heads) if isinstance(heads, Mapping) else None
        if self.values is None and self.weights is None and TOTAL not in self.columns and len(self.columns) != 1:
            raise AmbiguousHeadsError(
                f"the model has {len(self.columns)} heads, {list(self.columns)}, and nothing says which is the score: give `heads` "
                "with a weight for each that counts ({helpfulness: 0.65, verbosity: -0.4}), `distribution` with the values that they are "
                "logits of, or `steps` for a process reward model"
            )

    def score(self, numbers: Sequence[float]) -> tuple[float, dict[str, float]]:
        """The score of one sequence, and its components by name: every number but the score itself."""
        named = dict(zip(self.columns, numbers, strict=True))
        if self.values is not None:
            return self._expected(numbers)
        if self.weights is not None:
            total = math.fsum(weight * named[name] for name, weight in self.weights.items())
        else:
            total = named[TOTAL] if TOTAL in named else numbers[0]
        components = {name: number for name, number in named.items() if name != TOTAL} if len(named) > 1 else {}
        return self.sign * total, components

    def _expected(self, logits: Sequence[float]) -> tuple[float, dict[str, float]]:
        highest = max(logits)
        masses = [math.exp(logit - highest) for logit in logits]
        mean = math.fsum(mass * value for mass, value in zip(masses, self.values, strict=True)) / math.fsum(masses)
        variance = math.fsum(mass * (value - mean) ** 2 for mass, value in zip(masses, self.values, strict=True)) / math.fsum(masses)
        return self.sign * mean, {"spread": math.sqrt(variance)}


def _renamed(columns: Sequence[str], names: list[str]) -> tuple[str, ...]:
    if set(names) <= set(columns):
        return tuple(columns)
    heads = [column for column in columns if column != TOTAL and column != "quantile_spread"]
    if len(names) != len(heads):
        unknown = [name for name in names if name not in columns]
        raise ValueError(f"heads: {unknown} not among the model's {len(heads)} heads {heads}; name these, or all of them in their order")
    new = dict(zip(heads, names, strict=True))
    return tuple(new.get(column, column) for column in columns)
