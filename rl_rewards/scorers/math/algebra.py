"""The judge's algebra, in the worker: math-verify's parser and comparison, with an exact or numeric decision first where there is one.

Four things differ from calling math-verify itself. ANTLR runs its SLL prediction first and the full LL one only when that fails: by ANTLR's
own guarantee an SLL parse without an error is the LL parse, at a tenth of the time. A text that was read in part only is not read. Numbers
are compared as numbers: rational arithmetic exactly, with a limit on digits, the rest to 30 digits relative to their size (math-verify
takes 1/2^99 for 1/2^98). Expressions in variables are compared at a few points: that proves a difference at once, and finds identities
that `simplify` does not.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy
from antlr4 import Token
from antlr4.atn.PredictionMode import PredictionMode
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, _Latex2Sympy, normalize_latex
from math_verify.grader import should_treat_as_complex, verify
from math_verify.parser import get_last_eq
from sympy import Add, Expr, Float, MatrixBase, Mul, Pow, Rational, Set, Tuple
from sympy.core.expr import UnevaluatedExpr
from sympy.core.relational import Relational
from sympy.functions.combinatorial.factorials import binomial, factorial
from sympy.logic.boolalg import Boolean

from rl_rewards.scorers.math.literal import close, split_unit

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeout is off; the pool's deadline is the timeout

_CONFIG = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none")
# SLL cannot tell x^2 from a subscripted name's start; in braces it can.
_BASE = re.compile(r"\\[a-zA-Z]+|\{[a-zA-Z]\}|([a-df-zA-DF-Z])(?=\^\{?\d)")
_WORDS = re.compile(r"(?:\\text\{[^{}]*\}|[a-zA-Z .,'’-])+")
_NO_SCALARS = (Set, Tuple, MatrixBase, Relational, Boolean)
_LISTS = (sympy.FiniteSet, Tuple)
_DIGITS = 5000  # of an exact number; a longer one is too large to be compared
_DEEPEST = 100  # brackets in brackets; the parser's time grows fast with them
_POINTS = (Fraction(7, 11), Fraction(-13, 17), Fraction(29, 13), Fraction(-41, 19))
_PRECISION = 30
_SAME, _DIFFERENT = Fraction(1, 10**20), Fraction(1, 10**8)  # relative differences that prove equality and its opposite


class TooLarge(Exception):
    """An exact number has too many digits to be worked out."""


def judge(item: tuple[str, str, int]) -> tuple[str, str]:
    """Judge one canonical answer against one canonical reference, whose texts differ.

    Args:
        item: the reference, the answer, and to how many decimals decimals are compared.

    Returns:
        The verdict, "right", "wrong", "answer" (it cannot be read) or "reference" (it cannot be read), and the reason.
    """
    reference, answer, decimals = item
    expected = parsed_reference(reference)
    if expected is None:
        if _WORDS.fullmatch(reference):
            same = _words(reference) == _words(answer)
            return ("right", "the same words") if same else ("wrong", "other words than the reference's")
        return "reference", f"the reference cannot be read: {reference:.200}"
    if "\\ldots" in reference + answer or "\\dots" in reference + answer or "\\cdots" in reference + answer or "..." in reference + answer:
        return "wrong", "what an ellipsis stands for is compared as text"
    found = _parsed(answer)
    if found is None:
        return "answer", f"the answer cannot be read: {answer:.200}"
    if _equal(expected, found, decimals):
        return "right", f"equal: {answer:.80}"
    return "wrong", f"{answer:.80} is not {reference:.80}"


def check_reference(reference: str) -> bool:
    """Whether a canonical reference can be read; asked where an item failed, to know whose fault it was."""
    return parsed_reference(reference) is not None or _WORDS.fullmatch(reference) is not None


@lru_cache(maxsize=4096)
def parsed_reference(text: str) -> Any | None:
    """The reference as sympy has it, parsed once per worker; None when it cannot be read."""
    return _parsed(text)


def _words(text: str) -> str:
    return re.sub(r"\\text|[^a-z]", "", text.casefold().replace("\\text", ""))


def _parsed(text: str) -> Any | None:
    if _depth(text) > _DEEPEST:
        return None
    latex = normalize_latex(split_unit(text, words=False)[0], _CONFIG)
    latex = _BASE.sub(lambda match: f"{{{match[1]}}}" if match[1] else match[0], latex)
    for part in dict.fromkeys((latex, get_last_eq(latex))):
        for mode in (PredictionMode.SLL, PredictionMode.LL):
            try:
                return _Reader(mode, is_real=not should_treat_as_complex(part)).parse(part)
            except Exception:  # latex2sympy raises bare Exceptions, and whatever sympy's constructors raise
                continue
    return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest


class _Reader(_Latex2Sympy):
    """latex2sympy with a choice of ANTLR's prediction mode, that refuses a text of which it has read only the beginning."""

    def __init__(self, mode: int, is_real: bool) -> None:
        super().__init__(is_real=is_real)
        self._mode = mode

    def create_parser(self, latex_str: str) -> Any:
        parser = super().create_parser(latex_str)
        parser._interp.predictionMode = self._mode
        self._parser = parser
        return parser

    def parse(self, latex_str: str) -> Any:
        value = super().parse(latex_str)
        if self._parser.getCurrentToken().type != Token.EOF:
            raise ValueError(f"read {latex_str!r:.80} up to {self._parser.getCurrentToken().text!r:.20} only")
        return value


def _equal(reference: Any, answer: Any, decimals: int) -> bool:
    if _is_scalar(reference):
        answer = _value_of_equation(answer)
    if _is_scalar(reference) and _is_scalar(answer):
        constant = not _symbols(reference, answer)
        decided = _compare_numbers(reference, answer, decimals) if constant else _compare_at_points(reference, answer)
        if decided is not None:
            return decided
    if _is_scalar(answer) and isinstance(reference, (Set, Tuple)) and not (isinstance(reference, _LISTS) and len(reference) == 1):
        return False  # one value is not several, and need not be worked out to know that
    return verify(reference, answer, float_rounding=decimals, timeout_seconds=None)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Expr) and not isinstance(value, _NO_SCALARS) and value.is_commutative is not False


def _value_of_equation(value: Any) -> Any:
    """The right side of an equation whose left side names what it is the value of."""
    if isinstance(value, sympy.Eq) and (value.lhs.is_Symbol or not value.rhs.free_symbols):
        return value.rhs
    return value


def _symbols(*values: Expr) -> list[str]:
    return sorted({symbol.name for value in values for symbol in value.free_symbols})


def _compare_numbers(reference: Expr, answer: Expr, decimals: int) -> bool | None:
    rounded = reference.has(Float) or answer.has(Float)
    r, a = _exact_or_itself(reference), _exact_or_itself(answer)
    if isinstance(r, Fraction) and isinstance(a, Fraction):
        return close(r, a, decimals) if rounded else r == a
    x, y = _number(r), _number(a)
    if x is None or y is None:
        return None
    if rounded:
        step, size = Float(10) ** -decimals, max(abs(x), abs(y))
        return bool(abs(x - y) <= (step if size > 10 * step else size / 1000))  # as `close` has it
    return _decided(x, y)


def _exact_or_itself(value: Expr) -> Fraction | Expr:
    try:
        exact = _exact(value)
    except TooLarge:
        return value
    return value if exact is None else exact


def _compare_at_points(reference: Expr, answer: Expr) -> bool | None:
    """Whether two expressions have the same value at every point; None when some value is not a number or too close to call."""
    names = _symbols(reference, answer)
    for shift in range(len(_POINTS)):
        point = {name: _POINTS[(place + shift) % len(_POINTS)] + place for place, name in enumerate(names)}
        values = []
        for expression in (reference, answer):
            at = {symbol: _rational(point[symbol.name]) for symbol in expression.free_symbols}
            values.append(_number(expression.subs(at)))
        if values[0] is None or values[1] is None:
            return None
        decided = _decided(*values)
        if decided is not True:
            return decided
    return True


def _decided(x: Expr, y: Expr) -> bool | None:
    size = max(abs(x), abs(y))
    if size == 0:
        return True
    difference = abs(x - y) / size
    if difference < _as_float(_SAME):
        return True
    return False if difference > _as_float(_DIFFERENT) else None


def _as_float(value: Fraction) -> Float:
    return Float(value.numerator, _PRECISION) / value.denominator


def _rational(value: Fraction) -> Rational:
    return Rational(value.numerator, value.denominator)


def _number(value: Expr | Fraction) -> Expr | None:
    """The value to 30 digits, a real or complex number; None when it has none that sympy can find."""
    try:
        value = _rational(value) if isinstance(value, Fraction) else value
        number = value.evalf(_PRECISION)
        return number if number.is_number and number.is_finite and not number.has(sympy.nan, sympy.zoo) and _is_numeral(number) else None
    except (ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError):
        return None


def _is_numeral(number: Expr) -> bool:
    real, imaginary = number.as_real_imag()
    return isinstance(real, sympy.Number) and isinstance(imaginary, sympy.Number)


def _exact(value: Expr) -> Fraction | None:
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


def _combined(value: Expr, arguments: list[Fraction]) -> Fraction | None:
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


def warm_up() -> None:
    """Parse and compare one expression of each kind, so that ANTLR's tables and sympy's imports are there before the first answer."""
    for text in (r"\frac{1}{2}", r"2\sqrt{3}", "x^{2}+3x-2", r"\{1,2\}", "(1,2]", "(1,2,3)", "x=2y+1", r"\sin^{2}x", "e^{x}"):
        parsed = _parsed(text)
        if parsed is not None:
            _equal(parsed, parsed, 6)


warm_up()
