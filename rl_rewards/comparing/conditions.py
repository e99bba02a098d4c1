"""Conditions on a difference, for continuous integration: `correct<-0.01`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from rl_rewards.comparing.sides import CompareError

__all__ = ["Condition", "condition"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FORM = re.compile(r"\s*([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A reward's difference, B minus A, against a number."""

    reward: str
    operator: str
    bound: float

    def holds(self, difference: float) -> bool:
        return _OPERATORS[self.operator](difference, self.bound)

    def __str__(self) -> str:
        return f"{self.reward}{self.operator}{self.bound:g}"


def condition(text: str) -> Condition:
    """Read `REWARD<NUMBER`, with `<`, `<=`, `>` or `>=`.

    Raises:
        CompareError: when it is of another form.
    """
    match = _FORM.fullmatch(text)
    if match is None or not math.isfinite(float(match[3])):
        raise CompareError(f"a condition must be REWARD, one of < <= > >=, and a number, such as correct<-0.01, got {text!r}")
    return Condition(match[1], match[2], float(match[3]))
