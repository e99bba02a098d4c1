"""Values of expressions without variables: exactly where they are rational, else to 30 digits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy
from sympy import Add, Expr, Float, Mul, Pow, Rational
from sympy.core.expr import UnevaluatedExpr
from sympy.functions.combinatorial.factorials import binomial, factorial

from rl_rewards.scorers.math.number import close

__all__ = ["compare_numbers", "decided", "number_of", "rational", "value_of"]

_DIGITS = 5000  # of an exact number; a longer one is too large to be compared
_PRECISION = 30
_SAME, _DIFFERENT = Fraction(1, 10**20), Fraction(1, 10**8)  # relative differences that prove equality and its opposite


class TooLarge(Exception):
    """An exact number has too many digits to be worked out."""


def compare_numbers(reference: Expr, answer: Expr, decimals: int) -> bool | None:
    """Whether two numbers are equal: as `close` has it where one is a decimal, exactly or to 20 digits otherwise; None where one has no value."""
    rounded = reference.has(Float) or answer.has(Float)
    r, a = _exact_or_itself(reference), _exact_or_itself(answer)
    if isinstance(r, Fraction) and isinstance(a, Fraction):
        return close(r, a, decimals) if rounded else r == a
    x, y = number_of(r), number_of(a)
    if x is None or y is None:
        return None
    if rounded:
        step, size = Float(10) ** -decimals, max(abs(x), abs(y))
        return bool(abs(x - y) <= (step if size > 10 * step else size / 1000))
    return decided(x, y)


def decided(x: Expr, y: Expr) -> bool | None:
    """Whether two values, rational ones or of 30 digits, are equal; None where they are too close to call."""
    if x.is_Rational and y.is_Rational:
        return x == y
    size = max(abs(x), abs(y))
    if size == 0:
        return True
    difference = abs(x - y) / size
    if difference < _as_float(_SAME):
        return True
    return False if difference > _as_float(_DIFFERENT) else None


def number_of(value: Any) -> Any | None:
    """The value to 30 digits, a real or complex number; None when it has none that sympy can find."""
    try:
        value = rational(value) if isinstance(value, Fraction) else value
        number = value.evalf(_PRECISION)
        return number if number.is_number and number.is_finite and not number.has(sympy.nan, sympy.zoo) and _is_numeral(number) else None
    except (ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError, RecursionError):
        return None


def rational(value: Fraction) -> Any:
    """The fraction as sympy has it."""
    return Rational(value.numerator, value.denominator)


def value_of(value: Expr) -> Any | None:
    """The value, exactly where it is rational arithmetic without decimals, else to 30 digits: 2^1000+1/2 is not 2^1000."""
    exact = None if value.has(Float) else _exact_or_itself(value)
    return rational(exact) if isinstance(exact, Fraction) else number_of(value)


def _exact_or_itself(value: Expr) -> Fraction | Expr:
    try:
        exact = _exact(value)
    except TooLarge:
        return value
    return value if exact is None else exact


def _as_float(value: Fraction) -> Any:
    return Float(value.numerator, _PRECISION) / value.denominator


def _is_numeral(number: Expr) -> bool:
    real, imaginary = number.as_real_imag()
    return isinstance(real, sympy.Number) and isinstance(imaginary, sympy.Number)


def _exact(value: Any) -> Fraction | None:
    """The value of rational arithmetic; None when there is something else in it.

    Works from the leaves up, in time linear in the expression, where sympy's `doit` is exponential in the depth of nested fractions.

    Raises:
        TooLarge: when a number on the way has more digits than can be compared.
    """
    if isinstance(value, Rational):
        return _bounded(Fraction(int(value.p), int(value.q)))
    if isinstance(value, Float):
        return _bounded(Fraction(str(value))) if value.is_finite else None
    if isinstance(value, UnevaluatedExpr):
        return _exact(value.args[0])
    if not isinstance(value, (Add, Mul, Pow, factorial, binomial)):
        return None
    arguments = []
    for argument in value.args:
        exact = _exact(argument)
        if exact is None:
            return None
        arguments.append(exact)
    try:
        return _combined(value, arguments)
    except ZeroDivisionError:
        return None


def _combined(value: Any, arguments: list[Fraction]) -> Fraction | None:
    if isinstance(value, Add):
        return _bounded(sum(arguments, Fraction(0)))
    if isinstance(value, Mul):
        product = Fraction(1)
        for argument in arguments:
            product = _bounded(product * argument)
        return product
    if isinstance(value, Pow):
        base, exponent = arguments
        if exponent.denominator != 1:
            return None
        if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > 4 * _DIGITS and base not in (0, 1, -1):
            raise TooLarge
        return base**exponent.numerator
    if any(argument.denominator != 1 or argument < 0 for argument in arguments):
        return None
    if max(arguments) > _DIGITS // 3:
        raise TooLarge
    return Fraction(int(value.func(*(int(argument) for argument in arguments))))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 4 * _DIGITS:
        raise TooLarge
    return value
