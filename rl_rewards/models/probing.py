"""Trying a way through a model before it is trusted: a few rows alone and together, and what the two differ by."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch

logger = logging.getLogger(__name__)

Way = Literal["tree", "right", "left", "equal", "alone"]
"""tree: shared prefixes once, no padding. right, left: padded on that side. equal: only sequences of one length together. alone: one by one."""

WHAT: dict[Way, str] = {
    "tree": "shared prefixes computed once, no padding",
    "right": "batches padded on the right",
    "left": "batches padded on the left",
    "equal": "batches of equal length only",
    "alone": "one sequence at a time",
}
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_TOLERANCE_16_BIT = 0.2  # both in units of the spread between rows: rounding is far below, a wrong mask or position far above

Row = tuple[int, ...]
Compute = Callable[[list[Row], Way], list[torch.Tensor]]


class Prober:
    """Chooses the way of one kind of call, and remembers how long the rows were that it was tried on.

    A way is tried on short rows and on long ones, for a window or a threshold shows on long ones only, and again as soon as a batch holds a
    row of more than twice the longest length tried. A way that was given up is not taken again.

    Args:
        name: of the model, for the log.
        ways: the ways to try, the fastest first. "alone" needs no trial and is the last resort.
        dtype: of the model's weights, which decides how much is rounding.
    """

    def __init__(self, name: str, ways: Sequence[Way], dtype: torch.dtype) -> None:
        self.way: Way | None = None if ways else "alone"
        self._name = name
        self._ways = [*ways, "alone"]
        self._longest = 0
        self._tolerance = _TOLERANCE.get(dtype, _TOLERANCE_16_BIT)

    def choose(self, rows: Sequence[Row], compute: Compute) -> Way:
        """The fastest way in which rows of these lengths come out as they do alone; for now "alone" when nothing tells the ways apart.

        Args:
            rows: distinct.
            compute: (rows, way) -> one tensor for each row.
        """
        longest = max(map(len, rows))
        if self.way is not None and (self.way == "alone" or longest <= 2 * self._longest):
            return self.way
        probe, alone = self._alone(probe_rows(rows), compute)
        if len(probe) < 2:
            return self.way or "alone"  # look again at the next call
        self._longest = max(longest, self._longest)
        if self.way is None and not self._repeats(probe[0], alone[0], alone, compute):
            self.way = "alone"
        else:
            self.way = self._first_that_agrees(probe, alone, compute)
        return self.way

    def _first_that_agrees(self, probe: list[Row], alone: list[torch.Tensor], compute: Compute) -> Way:
        before = self.way
        while len(self._ways) > 1:
            way = self._ways[0]
            # Whatever a model that we have never seen raises, a way that it cannot go is a reason to take the next one.
            try:
                found = difference(*self._alone_and_together(way, probe, alone, compute))
            except Exception as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                logger.warning("%s: no %s: %s", self._name, WHAT[way], reason(error))
                logger.debug("%s: no %s", self._name, WHAT[way], exc_info=error)
            else:
                if found <= self._tolerance:
                    if way != before:
                        logger.info("%s: %s", self._name, WHAT[way])
                    return way
                logger.warning(
                    "%s: no %s: there its results differ from those of single sequences by %.2g of their spread", self._name, WHAT[way], found
                )
            self._ways.pop(0)
        logger.warning("%s: %s, the only way in which its results do not depend on the batch", self._name, WHAT["alone"])
        return "alone"

    def _alone_and_together(
        self, way: Way, probe: list[Row], alone: list[torch.Tensor], compute: Compute
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        if way == "equal":  # which needs rows of one length: each with its middle turned round
            twins, values = self._alone([turned(row) for row in probe], compute)
            probe, alone = [*probe, *twins], [*alone, *values]
        return alone, compute(probe, way)

    def _alone(self, rows: list[Row], compute: Compute) -> tuple[list[Row], list[torch.Tensor]]:
        """The rows that the model computes alone, and what it makes of them: some are made up, and a model may refuse them."""
        kept, values = [], []
        for row in rows:
            try:
                value = compute([row], "alone")[0]
            except Exception as error:
                logger.debug("%s: a row of %d tokens is left out of the trial", self._name, len(row), exc_info=error)
                continue
            if torch.isfinite(value).all():
                kept.append(row)
                values.append(value)
        return kept, values

    def _repeats(self, row: Row, value: torch.Tensor, alone: list[torch.Tensor], compute: Compute) -> bool:
        found = difference([value], compute([row], "alone"), spread(alone))
        if found > self._tolerance:
            logger.warning(
                "%s: %s, as its results are random: those of one sequence, computed twice, differ by %.2g of the spread between sequences",
                self._name, WHAT["alone"], found,
            )  # fmt: skip
        return found <= self._tolerance


def reason(error: Exception) -> str:
    """A line of the log for what a model raised: our own errors say it themselves, those of tensors say where they come from."""
    if isinstance(error, (ValueError, NotImplementedError)) and "\n" not in str(error):
        return str(error)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" in {place.tb_frame.f_code.co_qualname}"
    return f"the model cannot be computed so ({type(error).__name__}{where}; the log at level DEBUG has the traceback)"


def probe_rows(rows: Sequence[Row]) -> list[Row]:
    """A few rows of different lengths with common beginnings: the shortest of the batch, the longest, and what is left of them without their
    ends or without their middles.

    A model may need the end of a row (an end-of-sequence token) or a least length: it refuses some of these.
    """
    by_length = sorted(rows, key=len)
    shortest, longest = by_length[:3], by_length[-1]
    cut = [row[: max(1, len(row) - 1 - 3 * place)] for place, row in enumerate(shortest)]
    spliced = [row[: len(row) // 2] + row[len(row) - len(row) // 8 - 1 :] for row in (*shortest[:2], longest) if len(row) > 3]
    return list(dict.fromkeys([*shortest, *cut, longest, *spliced]))


def turned(row: Row) -> Row:
    """The row with the tokens between its first and its last in reverse."""
    return row[:1] + row[-2:0:-1] + row[-1:] if len(row) > 1 else row


def spread(values: Sequence[torch.Tensor]) -> float:
    """Mean absolute deviation of all numbers from their mean."""
    numbers = torch.cat([value.flatten().float() for value in values])
    return (numbers - numbers.mean()).abs().mean().item()


def difference(alone: Sequence[torch.Tensor], together: Sequence[torch.Tensor], unit: float | None = None) -> float:
    """The largest mean difference of a row, in units of the mean spread between rows; infinite where a number is not finite or shapes differ."""
    if [one.shape for one in alone] != [other.shape for other in together]:
        return math.inf
    differences = [(one.float() - other.float()).abs().mean() for one, other in zip(alone, together, strict=True)]
    largest = torch.stack(differences).max().item()
    return largest / ((spread(alone) if unit is None else unit) + 1e-6) if all(torch.isfinite(each) for each in differences) else math.inf
