"""Comparing expressions in variables by their values at a few points, in the worker. Any is sympy's Expr, whose stubs know little of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rl_rewards.scorers.math.exact import decided, number_of, rational

__all__ = ["at_points", "compare_at_points", "names_of"]

_POINTS = (Fraction(7, 11), Fraction(-13, 17), Fraction(29, 13), Fraction(-41, 19))


def compare_at_points(reference: Any, answer: Any, positive: bool = False) -> bool | None:
    """Whether two expressions have the same value at every point; None when some value is not a number or too close to call."""
    for pair in at_points((reference, answer), positive):
        if pair is None:
            return None
        certain = decided(*pair)
        if certain is not True:
            return certain
    return True


def at_points(expressions: tuple[Any, Any], positive: bool = False) -> Iterator[tuple[Any, Any] | None]:
    """The two values at each point, None where one is no number."""
    names = names_of(*expressions)
    for shift in range(len(_POINTS)):
        point = {name: _POINTS[(place + shift) % len(_POINTS)] + place for place, name in enumerate(names)}
        values = []
        for expression in expressions:
            at = {symbol: rational(abs(point[symbol.name]) if positive else point[symbol.name]) for symbol in expression.free_symbols}
            values.append(number_of(expression.subs(at)))
        yield None if values[0] is None or values[1] is None else (values[0], values[1])


def names_of(*values: Any) -> list[str]:
    """The letters of expressions, in alphabetical order."""
    return sorted({symbol.name for value in values for symbol in value.free_symbols})
