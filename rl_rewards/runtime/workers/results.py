"""What a worker may send back: plain values and results. It has met what a model wrote, so nothing that it sends may run code here."""

from __future__ import annotations

import io
import pickle
from typing import Any

from rl_rewards.types import EvaluateResult, MetricResult, Outcome, StepOutput

_ALLOWED = {(cls.__module__, cls.__qualname__): cls for cls in (EvaluateResult, MetricResult, Outcome, StepOutput)}


class _ResultUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"a result holds a {module}.{name}; from a worker only EvaluateResult, MetricResult, StepOutput and plain Python "
                "values (numbers, text, lists, dicts) are taken: convert it, for example with float()"
            ) from None


def load_result(payload: bytes) -> Any:
    """The value that a worker pickled.

    Raises:
        pickle.UnpicklingError: when it holds an object of another class, or is no pickle.
    """
    try:
        return _ResultUnpickler(io.BytesIO(payload)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its wrong opcodes run into
        raise pickle.UnpicklingError(f"a worker sent a damaged result: {error}") from error
