"""What a reward function may return, as results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.types import EvaluateResult, MetricResult, Outcome

__all__ = ["as_result", "as_results", "listed"]


def as_result(value: Any, name: str) -> EvaluateResult:
    """An EvaluateResult from whatever a reward function may return.

    Raises:
        ValueError: naming the function and what it returned.
    """
    if value.__class__ is EvaluateResult:
        return value
    if value.__class__ is float:
        return EvaluateResult(value)
    if value is None:
        return EvaluateResult.skip("the reward function returned None")
    if isinstance(value, Mapping):
        fields = {key: item for key, item in value.items() if key in EvaluateResult._fields}
        unknown = sorted(set(value) - set(fields))
        if "score" not in fields or unknown:
            raise ValueError(f"reward function {name!r} returned a dict with {sorted(value)}; it needs 'score' and may have {EvaluateResult._fields}")
        fields["metrics"] = {key: MetricResult(**item) if isinstance(item, Mapping) else item for key, item in (fields.get("metrics") or {}).items()}
        if "outcome" in fields:
            fields["outcome"] = Outcome(fields["outcome"])
        return EvaluateResult(**fields)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        batch = '; a function of a whole batch is decorated with @reward_function(mode="batch")' if isinstance(value, (list, tuple)) else ""
        raise ValueError(f"reward function {name!r} returns an EvaluateResult, a dict, a number, a bool or None; got {value!r:.80}{batch}")
    return EvaluateResult(float(value))


def listed(value: Any, size: int, name: str) -> list[Any]:
    """What a batch function returned, as a list.

    Args:
        size: how many results there must be; -1 where that is not known.

    Raises:
        ValueError: when it is no list of `size` results.
    """
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise ValueError(f"reward function {name!r} in batch mode returns a list of {size} results, got {value!r:.80}")
    values = list(value)
    if size >= 0 and len(values) != size:
        raise ValueError(f"reward function {name!r} returned {len(values)} results for a batch of {size}")
    return values


def as_results(value: Any, size: int, name: str) -> list[EvaluateResult]:
    """A batch function's results: one that is none costs its row, a list of another length the batch.

    Raises:
        ValueError: when it is no list of `size` results.
    """
    results = []
    for item in listed(value, size, name):
        try:
            results.append(as_result(item, name))
        except BaseException as error:
            results.append(failure_of(error))
    return results
