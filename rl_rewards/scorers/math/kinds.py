"""What kinds of value have in common."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.values import Bracketed, Collection, Expression, Readings, Value

__all__ = ["is_braced", "is_set", "may_be_set"]

_SET = re.compile(r"\\(?:cup|cap|setminus|mathbb|pm|mp|emptyset|in|begin)(?![a-zA-Z])|\\\{")


def is_set(value: Value) -> bool:
    if isinstance(value, Readings):
        return any(is_set(one) for one in value.values)
    return isinstance(value, Bracketed) or (isinstance(value, Expression) and may_be_set(value.text)) or is_braced(value)


def is_braced(value: Value) -> bool:
    return isinstance(value, Collection) and value.braces


def may_be_set(text: str) -> bool:
    """Whether an expression has a sign in it that makes it a set, or several values, rather than one."""
    return _SET.search(text) is not None
