"""The fields of a result beside its score: what may be in them, and its components as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.types.results import EvaluateResult, MetricResult, Outcome

__all__ = ["as_float", "component_score", "component_scores", "is_number", "wrong_field"]


def wrong_field(result: EvaluateResult) -> str | None:
    """What is wrong with the fields beside the score. Numbers and objects as reason or error are made text; the rest must be right."""
    if result.reason.__class__ is not str and result.reason is not None:
        result.reason = _as_text(result.reason)
    if result.error.__class__ is not str and result.error is not None:
        result.error = _as_text(result.error) if result.error else None
    if result.outcome.__class__ is not Outcome:
        if result.outcome not in list(Outcome):
            return f"outcome must be one of {', '.join(Outcome)}, got {result.outcome!r:.80}"
        result.outcome = Outcome(result.outcome)
    if result.is_score_valid.__class__ is not bool:
        valid = as_float(result.is_score_valid)
        if valid not in (0.0, 1.0):
            return f"is_score_valid must be true or false, got {result.is_score_valid!r:.80}"
        result.is_score_valid = bool(valid)
    metrics = result.metrics
    if metrics.__class__ is dict and not metrics:
        return None
    if metrics is None:
        result.metrics = {}
        return None
    if not isinstance(metrics, Mapping):
        return f"metrics must be a mapping of names to components, got {type(metrics).__name__}: {metrics!r:.80}"
    if any(isinstance(name, int) for name in metrics):
        result.metrics = metrics = {str(name) if isinstance(name, int) else name: component for name, component in metrics.items()}
    for name, component in metrics.items():
        if not isinstance(name, str) or not name:
            return f"the name of a component must be text, got {name!r:.80}"
        if component.__class__ is float:
            continue
        if isinstance(component, MetricResult):
            component = component.score
        if component is not None and as_float(component) is None:
            return f"component {name!r} must be a number or a MetricResult, got {type(component).__name__}: {component!r:.80}"
    return None


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a user's own class
        return f"a {type(value).__name__} that cannot be printed"


# numpy makes a float of complex numbers, of text and of whatever is in an array of objects: dtypes that are no real numbers.
_NO_NUMBERS = frozenset("cSUO")


def is_number(value: Any) -> bool:
    """Whether it is a real number: an int, a bool, a numpy scalar, a tensor of one number; text and complex numbers are none."""
    if isinstance(value, (str, bytes, complex)) or not hasattr(value, "__float__"):
        return False
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", None) not in _NO_NUMBERS and not getattr(dtype, "is_complex", False)


def as_float(score: Any) -> float | None:
    """A number as a float; None for everything else, and for what fails to be one."""
    if not is_number(score):
        return None
    try:
        return float(score)
    except Exception:  # a user's own class
        return None


def component_scores(results: Sequence[EvaluateResult]) -> dict[str, list[float]]:
    """Finite component values by name, over results; invalid components are left out."""
    found: dict[str, list[float]] = {}
    for result in results:
        if not result.metrics:
            continue
        for name, component in result.metrics.items():
            value = component_score(component)
            if value is not None:
                found.setdefault(name, []).append(value)
    return found


def component_score(component: Any) -> float | None:
    """A component's number; None when it is not valid, not finite or not a number."""
    if isinstance(component, MetricResult):
        if not component.is_score_valid:
            return None
        component = component.score
    value = as_float(component)
    return value if value is not None and math.isfinite(value) else None
