"""Comparing expressions in variables by their values at a few points, in the worker. Any is sympy's Expr, whose stubs know little of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from rl_rewards.scorers.math.exact import decided, rational, value_of

__all__ = ["at_points", "compare_at_points", "names_of"]

_POINTS = (Fraction(7, 11), Fraction(-13, 17), Fraction(29, 13), Fraction(-41, 19))
# |x-3| is 3-x at all of these: what is made of pieces is looked at further out, too.
_FAR = (Fraction(97, 13), Fraction(-103, 14), Fraction(1031, 9), Fraction(-1033, 7))
_PIECES = (sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.floor, sympy.ceiling, sympy.Piecewise, sympy.Heaviside)


def compare_at_points(reference: Any, answer: Any, positive: bool = False) -> bool | None:
    """Whether two expressions have the same value at every point; None when some value is not a number or too close to call.

    Points at which neither is real are outside of what they are defined for, as negative n are for \\sqrt{1/n} and 1/\\sqrt{n}; they count
    where there is no other point, and for expressions with the imaginary unit.
    """
    complex_too = any(expression.has(sympy.I) for expression in (reference, answer))
    inside, outside = [], []
    for pair in at_points((reference, answer), positive):
        if pair is None:
            return None
        certain = decided(*pair)
        if complex_too or pair[0].is_real or pair[1].is_real:
            if certain is not True:
                return certain
            inside.append(certain)
        else:
            outside.append(certain)
    if inside:
        return True
    return False if False in outside else None if None in outside else True


def at_points(expressions: tuple[Any, Any], positive: bool = False) -> Iterator[tuple[Any, Any] | None]:
    """The two values at each point, None where one is no number."""
    names = names_of(*expressions)
    points = _POINTS + _FAR if any(map(_is_made_of_pieces, expressions)) else _POINTS
    for shift in range(len(points)):
        point = {name: points[(place + shift) % len(points)] + place for place, name in enumerate(names)}
        values = []
        for expression in expressions:
            at = {symbol: rational(abs(point[symbol.name]) if positive else point[symbol.name]) for symbol in expression.free_symbols}
            values.append(value_of(expression.subs(at)))
        yield None if values[0] is None or values[1] is None else (values[0], values[1])


def names_of(*values: Any) -> list[str]:
    """The letters of expressions, in alphabetical order."""
    return sorted({symbol.name for value in values for symbol in value.free_symbols})


def _is_made_of_pieces(expression: Any) -> bool:
    """Whether an expression may follow different formulas in different places: |x-3|, or \\sqrt{(x-3)^2}."""
    return expression.has(*_PIECES) or any(not power.exp.is_integer for power in expression.atoms(sympy.Pow) if not power.exp.free_symbols)
