"""The fields of a result beside its score: what may be in them, and its components as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.types.results import EvaluateResult, MetricResult, Outcome

__all__ = ["as_float", "component_score", "component_scores", "wrong_field"]


def wrong_field(result: EvaluateResult) -> str | None:
    """What is wrong with the fields beside the score. Numbers and objects as reason or error are made text; the rest must be right."""
    if result.reason.__class__ is not str and result.reason is not None:
        result.reason = _as_text(result.reason)
    if result.error.__class__ is not str and result.error is not None:
        result.error = _as_text(result.error)
    if result.outcome.__class__ is not Outcome:
        if result.outcome not in list(Outcome):
            return f"outcome must be one of {', '.join(Outcome)}, got {result.outcome!r:.80}"
        result.outcome = Outcome(result.outcome)
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


def as_float(score: Any) -> float | None:
    """A float from ints, bools, numpy scalars and 0-d tensors; None for strings and everything else."""
    if isinstance(score, (str, bytes)) or not hasattr(score, "__float__"):
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
