"""Sums by key, in compact arrays: what most aggregates keep of the rows that they have seen."""

from __future__ import annotations

import numpy as np

__all__ = ["SumTable", "floats_of", "keys_of"]

# Rows that are gathered before equal keys are put together, with half as many more as there are distinct keys.
_GATHERED = 1 << 15


class SumTable:
    """Sums of S numbers for each key of K parts: memory is 8 (K + S) bytes for each distinct key, whatever the number of rows.

    Args:
        parts: K, parts of a key (uint64).
        sums: S, numbers that are summed (float64).
    """

    def __init__(self, parts: int, sums: int) -> None:
        self._keys = [np.empty((0, parts), np.uint64)]
        self._sums = [np.empty((0, sums))]
        self._distinct = 0
        self._gathered = 0

    def add(self, keys: np.ndarray, sums: np.ndarray) -> None:
        """Add N rows: keys (N, K) and sums (N, S)."""
        if len(keys) == 0:
            return
        self._keys.append(np.asarray(keys, np.uint64).reshape(len(keys), -1))
        self._sums.append(np.asarray(sums, float).reshape(len(keys), -1))
        self._gathered += len(keys)
        if self._gathered > _GATHERED + self._distinct // 2:
            self._compact()

    def merge(self, other: SumTable) -> None:
        """Add the rows of another table."""
        self.add(*other.rows())

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct keys (M, K), sorted, and their sums (M, S)."""
        self._compact()
        return self._keys[0], self._sums[0]

    def _compact(self) -> None:
        if self._gathered == 0:
            return
        # One copy at a time: a table may be most of what a summary holds.
        keys, self._keys = np.concatenate(self._keys), []
        order = np.lexsort(keys.T[::-1])
        keys = keys[order]
        sums, self._sums = np.concatenate(self._sums), []
        sums = sums[order]
        first = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
        self._keys, self._sums = [keys[first]], [np.add.reduceat(sums, first, axis=0)]
        self._distinct, self._gathered = len(first), 0

    def __getstate__(self) -> dict[str, object]:
        self._compact()
        return self.__dict__.copy()


def keys_of(numbers: np.ndarray) -> np.ndarray:
    """Floats as parts of a key; equal numbers have equal keys, and keys are in no order."""
    return (np.asarray(numbers, float) + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0


def floats_of(keys: np.ndarray) -> np.ndarray:
    """The floats that `keys_of` made keys of."""
    return np.ascontiguousarray(keys).view(np.float64)
