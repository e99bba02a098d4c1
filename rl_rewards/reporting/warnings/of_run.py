"""The warnings of a Run."""

from __future__ import annotations

import numpy as np

from rl_rewards.recording.warnings import RunWarning, StepCounter
from rl_rewards.recording.warnings import find_warnings as find
from rl_rewards.recording.warnings.steps import SKIPPED, TIMEOUT, UNPARSED
from rl_rewards.reporting.run import OUTCOMES, Run
from rl_rewards.types import Outcome

__all__ = ["find_warnings"]

_CODES = {Outcome.SKIPPED: SKIPPED, Outcome.UNPARSED: UNPARSED, Outcome.TIMEOUT: TIMEOUT}


def find_warnings(run: Run) -> list[RunWarning]:
    """The warnings of a run, or of a scored file, worst first, then by the step where they begin."""
    chosen = np.flatnonzero(run.trained)
    if not len(chosen):
        return []
    codes = np.array([_CODES.get(Outcome(name), 0) for name in OUTCOMES] + [-1])
    values = {
        "score": run.scores[chosen],
        "raw": run.raw[chosen],
        "gate": np.where(run.gate[chosen] < 0, np.nan, run.gate[chosen]),
        "outcome": codes[run.outcomes[chosen]],
        "failed": run.failed[chosen].astype(float),
        "seconds": np.nan_to_num(run.seconds[chosen].astype(float)),
        "step": run.step[chosen],
        "rank": np.zeros(len(chosen), np.int64),  # a Run's groups are numbered over all processes
        "group": np.unique(run.group[chosen], return_inverse=True)[1] - (run.group[chosen].min() < 0),
        "scorable": run.scorable[chosen],
        "tokens": run.tokens[chosen],
        "characters": run.characters[chosen],
        "text": np.unique(run.text[chosen], return_inverse=True)[1],
    }
    weights = np.where(np.isnan(run.weights), 1.0, run.weights)  # of a scored file that does not say
    limit = run.config.get("max_completion_length")
    counter = StepCounter.of_arrays(values, run.rewards, weights, limit if isinstance(limit, int) else None)
    return find(counter.series(run.logged))
