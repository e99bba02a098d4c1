"""What a reward function may return, as results."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.types import EvaluateResult, MetricResult, Outcome
from rl_rewards.types.components import is_number

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
    if isinstance(value, Mapping) or _is_foreign_result(value):
        value = value if isinstance(value, Mapping) else _known_fields(value.model_dump())
        fields = {key: item for key, item in value.items() if key in EvaluateResult._fields}
        unknown = sorted(set(value) - set(fields))
        if "score" not in fields or unknown:
            raise ValueError(f"reward function {name!r} returned a dict with {sorted(value)}; it needs 'score' and may have {EvaluateResult._fields}")
        fields["metrics"] = {key: _component(item) if isinstance(item, Mapping) else item for key, item in (fields.get("metrics") or {}).items()}
        if "outcome" in fields:
            fields["outcome"] = Outcome(fields["outcome"])
        return EvaluateResult(**fields)
    if is_number(value):
        try:
            return EvaluateResult(float(value))
        except (TypeError, ValueError, RuntimeError):  # an array of several numbers
            if not hasattr(value, "shape"):
                raise
    several = isinstance(value, (list, tuple)) or hasattr(value, "shape")
    batch = '; a function of a whole batch is decorated with @reward_function(mode="batch")' if several else ""
    raise ValueError(f"reward function {name!r} returns an EvaluateResult, a dict, a number, a bool or None; got {value!r:.80}{batch}")


def _is_foreign_result(value: Any) -> bool:
    """Whether it is an EvaluateResult of another package, such as the real reward_kit's."""
    return hasattr(value, "model_dump") and hasattr(value, "score") and not isinstance(value, type)


def _known_fields(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """A foreign result without the fields that only its own package has."""
    fields = {key: item for key, item in dumped.items() if key in EvaluateResult._fields}
    metrics = {name: {key: part for key, part in item.items() if key in MetricResult._fields} for name, item in (fields.get("metrics") or {}).items()}
    return {**fields, "metrics": metrics}


def _component(item: Mapping[str, Any]) -> MetricResult:
    """A component from a dict; `success` is what Reward Kit once called is_score_valid."""
    fields = dict(item)
    if "success" in fields:
        fields.setdefault("is_score_valid", bool(fields.pop("success")))
    return MetricResult(**fields)


def listed(value: Any, size: int, name: str) -> list[Any]:
    """What a batch function returned, as a list.

    Args:
        size: how many results there must be; -1 where that is not known.

    Raises:
        ValueError: when it is no list of `size` results.
    """
    if isinstance(value, (str, bytes, Mapping, Set)) or not hasattr(value, "__iter__"):  # a set has lost the order
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
