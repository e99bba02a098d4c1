"""All warnings about a run."""

from __future__ import annotations

import math

import numpy as np

from rl_rewards.recording.warnings.courses import course_warnings
from rl_rewards.recording.warnings.rates import rate_warnings
from rl_rewards.recording.warnings.series import RunSeries
from rl_rewards.recording.warnings.shares import share_warnings
from rl_rewards.recording.warnings.warning import RunWarning

__all__ = ["find_warnings"]


def find_warnings(series: RunSeries) -> list[RunWarning]:
    """All warnings, the earliest first, warnings before notes; each kind once for a subject.

    A pure function of the counts: the same for a run that goes on and for one that is over, but that some levels are judged late in a run whose
    last step is known (`planned_steps`).
    """
    if not series.size or not series.names:
        return []
    with np.errstate(all="ignore"):  # means of steps without any score are NaN, as they should be
        found = [*rate_warnings(series), *course_warnings(series), *share_warnings(series)]
    return sorted(found, key=lambda each: (each.severity == "note", -math.inf if each.step is None else each.step, each.title))
