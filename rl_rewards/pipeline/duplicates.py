"""Equal samples of a batch, which a pure scorer needs to score once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any

from rl_rewards.types import EvaluateResult, Sample


def first_equal(samples: Sequence[Sample], answers: Sequence[Any]) -> list[int]:
    """For each sample the position of the first one with equal prompt, completion, references and answer: itself, or an earlier one.

    Where something cannot be pickled, every sample is taken for the first of its kind.
    """
    seen: dict[bytes, int] = {}
    try:
        return [
            seen.setdefault(pickle.dumps((sample.prompt, sample.completion, sample.references, answer), pickle.HIGHEST_PROTOCOL), place)
            for place, (sample, answer) in enumerate(zip(samples, answers, strict=True))
        ]
    except Exception:
        return list(range(len(samples)))


def repeated(results: Sequence[EvaluateResult], indices: Sequence[int]) -> list[EvaluateResult]:
    """Every sample's result: its own, or a copy of its first equal's, so that a change to one leaves the other as it is.

    Args:
        results: one for each distinct position, in order.
        indices: `first_equal` of the samples.
    """
    by_place = dict(zip(sorted(set(indices)), results, strict=True))
    return [by_place[first] if first == place else _copy(by_place[first]) for place, first in enumerate(indices)]


def _copy(result: EvaluateResult) -> EvaluateResult:
    copied = copy.deepcopy(result)
    copied.seconds = 0.0  # it was not scored again
    return copied
