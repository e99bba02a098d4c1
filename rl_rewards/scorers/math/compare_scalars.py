"""Comparing numbers and expressions."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.families import same_constant
from rl_rewards.scorers.math.final_form import calculation_left, has_operation, is_irrational
from rl_rewards.scorers.math.number import close, same_number, split_unit
from rl_rewards.scorers.math.rules import Comparer
from rl_rewards.scorers.math.three_valued import all_of, any_of
from rl_rewards.scorers.math.values import Approximate, Expression, Number, Value

__all__ = ["approximate", "other_unit", "rounds", "scalars", "unevaluated"]

_POWERS = re.compile(r"\^-?\d+")


def scalars(comparison: Comparer, r: Value, a: Value) -> bool | None:
    if isinstance(r, Number) and isinstance(a, Number):
        if other_unit(comparison, r.unit, a.unit):
            return False
        return same_number(r, a, comparison.rules.decimals, comparison.rules.percent)
    if other_unit(comparison, *(value.unit if isinstance(value, (Number, Expression)) else "" for value in (r, a))):
        return False
    if not comparison.rules.allow_unevaluated and unevaluated(comparison, r, a):
        return False
    if isinstance(a, Expression) and (text := same_constant(r.text, a.text)) != a.text:
        a = Expression(text, a.unit)
    return comparison.algebra(r, a)


def other_unit(comparison: Comparer, r: str, a: str) -> bool:
    if r and a and r != a and (comparison.rules.units == "compare" or _POWERS.sub("", r) == _POWERS.sub("", a)):  # cm^2 is never cm^3
        comparison.reason = "other units"
        return True
    return False


def unevaluated(comparison: Comparer, r: Value, a: Value) -> bool:
    text = split_unit(a.text)[0] if isinstance(a, Number) else a.text
    finer = isinstance(r, Number) and is_irrational(text) and ((r.decimals or 0) >= comparison.rules.decimals or r.unit == "deg")
    if isinstance(r, Number) and not isinstance(a, Number) and has_operation(text) and not finer:
        comparison.reason = "unevaluated: the reference is a number, the answer still has to be worked out"
        return True
    if (left := calculation_left(text, r.text)) is not None:
        comparison.reason = f"unevaluated: {left} is left in the answer"
        return True
    return False


def approximate(comparison: Comparer, r: Value, a: Approximate) -> bool | None:
    """a \\approx b is right where a is, or where b is and it is what a is rounded to."""
    exact = comparison.equal(r, a.exact)
    if exact or not isinstance(a.rounded, Number):
        return exact
    return any_of([exact, all_of(test() for test in (lambda: comparison.equal(r, a.rounded), lambda: rounds(comparison, a.exact, a.rounded)))])


def rounds(comparison: Comparer, exact: Value, rounded: Value) -> bool | None:
    decimals = rounded.decimals or 0 if isinstance(rounded, Number) else comparison.rules.decimals
    if isinstance(exact, Number) and isinstance(rounded, Number):
        return close(exact.value, rounded.value, decimals)
    return comparison.leaf(exact, rounded, decimals)
