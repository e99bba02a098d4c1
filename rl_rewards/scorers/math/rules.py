"""The rules of a comparison, which are the scorer's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from rl_rewards.scorers.math.number import Percent
from rl_rewards.scorers.math.values import Value

__all__ = ["Comparer", "Leaf", "Lists", "Rules"]

Lists = Literal["unordered", "ordered", "sets"]
Leaf = Callable[[Value, Value, int], bool | None]
"""Whether two values are equal by algebra, decimals at so many places; None where that is not known here."""


class Rules(NamedTuple):
    """What the options say of comparing."""

    decimals: int = 6
    percent: Percent = "either"
    units: Literal["ignore", "compare"] = "ignore"
    lists: Lists = "unordered"
    allow_set_relation: bool = False
    allow_unevaluated: bool = False
    positive: bool = False


class Comparer(Protocol):
    """What compares parts with parts; `reason` is the more specific one of a "no", where there is one."""

    rules: Rules
    reason: str | None
    leaf: Leaf

    def equal(self, reference: Value, answer: Value) -> bool | None:
        """Whether the answer is right; None where algebra must decide."""
        ...

    def algebra(self, r: Value, a: Value) -> bool | None:
        """Whether algebra has the two values equal; what an ellipsis stands for is compared as text alone."""
        ...
