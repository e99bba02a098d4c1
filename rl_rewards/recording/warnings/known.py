"""Statistics of the numbers that are there: NaN where none is, without the warning that numpy's own give.

To silence numpy's, Python's warning filters would have to be changed and put back, after which every warning of the process that is shown once is
shown again: TRL's at every step.
"""

from __future__ import annotations

import numpy as np

__all__ = ["known_highest", "known_lowest", "known_mean", "known_median"]


def known_mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def known_median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else np.nan


def known_lowest(values: np.ndarray) -> float:
    return float(np.fmin.reduce(values, axis=None, initial=np.nan))


def known_highest(values: np.ndarray) -> float:
    return float(np.fmax.reduce(values, axis=None, initial=np.nan))
