"""Which sequences go through the model together: each distinct one once, those of like length together, no more tokens than fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

logger = logging.getLogger(__name__)

Row = TypeVar("Row")


def deduplicate(rows: Sequence[Row]) -> tuple[list[Row], list[int]]:
    """The distinct rows in order of first appearance, and for each row given its place among them."""
    places: dict[Row, int] = {}
    index = [places.setdefault(row, len(places)) for row in rows]
    return list(places), index


def batches_by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Batches of row indices of like length, longest first, each of at most `budget` tokens after padding.

    The longest come first so that a batch that doesn't fit in memory shows at once. A row longer than the budget is a batch of its own.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


class TokenBudget:
    """How many tokens one forward pass may hold; halved when memory runs out, and kept halved.

    Args:
        tokens: tokens per forward pass, padding included.

    Raises:
        ValueError: when `tokens` is not positive.
    """

    def __init__(self, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"token_budget must be at least 1 token, got {tokens}")
        self.tokens = tokens

    def run(
        self, rows: int, plan: Callable[[list[int], int], list[list[int]]], forward: Callable[[list[int]], list[torch.Tensor]]
    ) -> list[torch.Tensor]:
        """Run every row through `forward`, batch by batch.

        Args:
            rows: how many rows there are.
            plan: (row indices, tokens per batch) -> batches of row indices.
            forward: batch of row indices -> one result for each.

        Returns:
            One result for each row, in the rows' order.

        Raises:
            torch.OutOfMemoryError: when a single row doesn't fit.
        """
        results: dict[int, torch.Tensor] = {}
        pending = plan(list(range(rows)), self.tokens)
        while pending:
            batch = pending.pop(0)
            try:
                results.update(zip(batch, forward(batch), strict=True))
            except RuntimeError as error:
                if not out_of_memory(error) or len(batch) == 1:
                    raise
                self._halve(len(batch))
                pending = plan([row for row in range(rows) if row not in results], self.tokens)
        return [results[row] for row in range(rows)]

    def _halve(self, rows: int) -> None:
        self.tokens = max(1, self.tokens // 2)
        logger.warning("Out of memory in a batch of %d rows: going on with at most %d tokens a batch", rows, self.tokens)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on a GPU or a CPU."""
    # The CPU allocator raises a bare RuntimeError; only its text tells it from a wrong shape.
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
