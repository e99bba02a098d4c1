"""The completions of a step that answer one prompt."""

from __future__ import annotations

import numpy as np

__all__ = ["Groups"]


class Groups:
    """Which of a step's N completions answer one prompt."""

    def __init__(self, rank: np.ndarray, group: np.ndarray) -> None:
        self._known = group >= 0
        width = int(group.max(initial=0)) + 1
        keys, self._of, sizes = np.unique(rank[self._known] * width + group[self._known], return_inverse=True, return_counts=True)
        self._number, self.rows, self.several = len(keys), int(self._known.sum()), int((sizes > 1).sum())

    def flat(self, values: np.ndarray) -> tuple[int, np.ndarray]:
        """How many groups have two or more values, and the value of each whose values are all equal."""
        low, high, sizes = self._extremes(values)
        judged = sizes > 1
        equal = judged & (high - low <= 1e-9 * np.maximum(1.0, np.abs(high)))
        return int(judged.sum()), high[equal]

    def mixed(self, values: np.ndarray) -> tuple[float, float]:
        """The sum of the means of the groups with a spread, and their number."""
        low, high, sizes = self._extremes(values)
        mixed = (sizes > 1) & (high - low > 1e-9 * np.maximum(1.0, np.abs(high)))
        sums = np.bincount(self._of, np.nan_to_num(values[self._known]), self._number)
        return float((sums[mixed] / sizes[mixed]).sum()), float(mixed.sum())

    def _extremes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values = values[self._known]
        has = ~np.isnan(values)
        low, high = np.full(self._number, np.inf), np.full(self._number, -np.inf)
        np.minimum.at(low, self._of[has], values[has])
        np.maximum.at(high, self._of[has], values[has])
        sizes = np.bincount(self._of[has], minlength=self._number)
        return np.where(sizes, low, 0.0), np.where(sizes, high, 0.0), sizes

    def covariance(self, scores: np.ndarray) -> np.ndarray:
        """Sums of products of deviations from the group's mean, (R, R); from the step's where groups are not known."""
        of, number = (self._of, self._number) if self._number else (np.zeros(len(scores), np.int64), 1)
        scores = scores[self._known] if self._number else scores
        has = ~np.isnan(scores)
        deviations = np.zeros_like(scores)
        for i in range(scores.shape[1]):
            values = np.where(has[:, i], scores[:, i], 0.0)
            sizes = np.bincount(of, has[:, i], number)
            means = np.bincount(of, values, number) / np.maximum(sizes, 1)
            deviations[:, i] = np.where(has[:, i], values - means[of], 0.0)
        return deviations.T @ deviations

    def repeated(self, text: np.ndarray) -> float:
        """How many completions equal an earlier one of their group."""
        if not self.rows:
            return 0.0
        pairs = self._of * (int(text.max(initial=0)) + 1) + text[self._known]
        return float(self.rows - len(np.unique(pairs)))
