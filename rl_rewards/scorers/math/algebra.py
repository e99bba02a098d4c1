"""The judge's algebra, in the worker: the table of `comparison` with leaves that sympy and math-verify compare.

Numbers are compared as numbers, exactly or to 30 digits relative to their size (math-verify takes 1/2^99 for 1/2^98). Expressions in
variables are compared at a few points: that proves a difference at once, and finds identities that `simplify` does not. What is left goes to
math-verify's own comparison.
"""

from __future__ import annotations

import logging
from typing import Any

import sympy
from math_verify.grader import verify
from sympy import Add, Basic, Derivative, Expr, Float, MatrixBase, Mul, Pow, Set, Tuple
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from rl_rewards.scorers.math.comparison import Comparison
from rl_rewards.scorers.math.exact import compare_numbers, rational
from rl_rewards.scorers.math.latex import parsed
from rl_rewards.scorers.math.number import split_unit
from rl_rewards.scorers.math.points import compare_at_points, names_of
from rl_rewards.scorers.math.reader import read
from rl_rewards.scorers.math.relation_algebra import same_relations, solution_set
from rl_rewards.scorers.math.rules import Rules
from rl_rewards.scorers.math.values import Choice, Collection, Named, Number, Relation, Value

__all__ = ["check_reference", "judge"]

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeout is off; the pool's deadline is the timeout

_NO_SCALARS = (Set, Tuple, MatrixBase, Relational)
_BOUND = (sympy.Sum, sympy.Product, sympy.Integral)
_LISTS = (sympy.FiniteSet, Tuple)


class Unreadable(Exception):
    """The algebra cannot read a text; the argument says whose it is, "reference" or "answer"."""


def judge(item: tuple[str, str, Rules]) -> tuple[str, str]:
    """Judge one canonical answer against one canonical reference.

    Args:
        item: the reference, the answer, and the rules of comparing.

    Returns:
        The verdict, "right", "wrong", "unreadable_answer" or "unreadable_reference", and the reason.
    """
    reference, answer, rules = item
    leaves = _Leaves(rules)
    comparison = Comparison(rules, leaves.equal)
    try:
        right = comparison.equal(read(reference), read(answer))
    except Unreadable as error:
        if check_reference(reference):  # a part of the answer, which the comparison has set against another one
            return "unreadable_answer", f"the answer cannot be read: {answer:.200}"
        return "unreadable_reference", f"the reference cannot be read: {error.args[0] or reference:.200}"
    except Exception as error:  # whatever sympy raises; whose doing it is shows where the reference is compared with itself
        if check_reference(reference):
            return "unreadable_answer", f"the answer cannot be compared: {type(error).__name__}: {answer:.100}"
        return "unreadable_reference", f"the reference cannot be compared: {type(error).__name__}: {reference:.200}"
    if right:
        return "right", f"equal: {answer:.80}"
    if leaves.unread:
        return "unreadable_answer", f"the answer cannot be read: {leaves.unread:.200}"
    return "wrong", f"{comparison.reason}: {answer:.80}" if comparison.reason else f"{answer:.80} is not {reference:.80}"


def check_reference(reference: str) -> bool:
    """Whether a canonical reference can be read, and compared with itself; asked where an item failed, to know whose fault it was."""
    value = read(reference)
    expected = None if isinstance(value, Named) else _sympy_of(value)
    expected = parsed(reference) if expected is None else expected
    if expected is None:
        return False
    try:
        _equal(expected, expected, 6, Rules())
    except Exception:  # whatever sympy raises
        return False
    return True


class _Leaves:
    """Equality of leaves by algebra. `unread` is the last answer that could not be read."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.unread = ""

    def equal(self, reference: Value, answer: Value, decimals: int) -> bool:
        expected = _sympy_of(reference)
        if expected is None:
            raise Unreadable(reference.text)
        found = _sympy_of(answer)
        if found is None:
            self.unread = answer.text
            return False
        if self._rules.positive:
            expected, found = _positive(expected), _positive(found)
        pairs = [(expected, found)]
        if self._rules.percent == "either" and _percents(reference, answer):
            pairs.append(
                tuple(100 * one if isinstance(value, Number) and value.percent else one for one, value in ((expected, reference), (found, answer)))
            )
        pairs.extend(_in_radians(reference, expected, answer, found))
        return any(_equal(one, other, decimals, self._rules) for one, other in pairs)


def _in_radians(reference: Value, expected: Any, answer: Value, found: Any) -> list[tuple[Any, Any]]:
    """The pair with its degrees in radians, where one side is a number of degrees and the other has a \\pi: 45 degrees are pi/4."""
    sides = []
    for value, other, number in ((reference, answer, expected), (answer, reference, found)):
        degrees = isinstance(value, Number) and value.unit == "deg" and not isinstance(other, Number) and "\\pi" in other.text
        sides.append(number * sympy.pi / 180 if degrees else number)
    return [] if sides == [expected, found] else [(sides[0], sides[1])]


def _percents(reference: Value, answer: Value) -> bool:
    return any(isinstance(value, Number) and value.percent for value in (reference, answer))


def _sympy_of(value: Value) -> Any | None:
    """The value as sympy has it, None when it cannot be read; derivatives of letters are letters, relations joined by words are their solutions."""
    if isinstance(value, Collection) and any(isinstance(item, Relation) for item in value.items):
        return _solutions(value)
    if isinstance(value, Number):
        number = rational(value.value / 100 if value.percent else value.value)
        return number if value.decimals is None else Float(number, 30 + len(value.text))
    if isinstance(value, Choice):
        return parsed(value.letter)
    expression = parsed(split_unit(value.text, words=False)[0])
    if isinstance(expression, Basic) and expression.has(Derivative):
        return expression.replace(_is_derivative_of_letter, lambda derivative: sympy.Symbol(str(derivative), real=True))
    return expression


def _is_derivative_of_letter(value: Any) -> bool:
    return isinstance(value, Derivative) and (value.expr.is_Symbol or isinstance(value.expr, AppliedUndef))


def _solutions(relations: Collection) -> Any | None:
    """The numbers that satisfy one of several relations ("x<2 or x>3"), or all of them."""
    sets = []
    for item in relations.items:
        relation = parsed(item.text)
        solutions = solution_set(relation) if _is_relation(relation) else None
        if solutions is None:
            return parsed(relations.text)
        sets.append(solutions)
    return sympy.Union(*sets) if ";" in relations.text else sympy.Intersection(*sets)


def _positive(value: Any) -> Any:
    symbols = getattr(value, "free_symbols", ())
    return value.xreplace({symbol: sympy.Symbol(symbol.name, positive=True) for symbol in symbols}) if symbols else value


def _equal(reference: Any, answer: Any, decimals: int, rules: Rules) -> bool:
    if all(isinstance(side, Expr) and side.has(*_BOUND) for side in (reference, answer)) and _ordered(reference) == _ordered(answer):
        return True  # before numbers are put in for n: values of a sum up to n take long
    if _is_scalar(reference) and _is_scalar(answer):
        constant = not names_of(reference, answer)
        certain = compare_numbers(reference, answer, decimals) if constant else compare_at_points(reference, answer, rules.positive)
        if certain is not None:
            return certain
    if _is_relation(reference) and _is_relation(answer):
        return same_relations(reference, answer, _is_scalar)
    if isinstance(reference, Set) and isinstance(answer, Set) and reference == answer:
        return True
    if (isinstance(reference, Set) and _is_relation(answer)) or (_is_relation(reference) and isinstance(answer, Set)):
        sets: list[Any] = [solution_set(side) if _is_relation(side) else side for side in (reference, answer)]
        return None not in sets and (bool(sets[0] == sets[1]) or verify(*sets, float_rounding=decimals, timeout_seconds=None))
    if _is_scalar(answer) and isinstance(reference, (Set, Tuple)) and not (isinstance(reference, _LISTS) and len(reference) == 1):
        return False  # one value is not several, and need not be worked out to know that
    if _is_scalar(reference) and isinstance(answer, Relational):
        return False
    return verify(reference, answer, float_rounding=decimals, timeout_seconds=None, allow_set_relation_comp=rules.allow_set_relation)


def _ordered(value: Any) -> Any:
    """An expression with its sums and products in sympy's order, which the parser leaves as they were written."""
    if not isinstance(value, (Add, Mul, Pow, *_BOUND)):
        return value
    arguments = [_ordered(argument) for argument in value.args]
    return value.func(*arguments, evaluate=False) if isinstance(value, Pow) else value.func(*arguments)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Expr) and not isinstance(value, _NO_SCALARS) and value.is_commutative is not False


def _is_relation(value: Any) -> bool:
    """Whether a value is a relation or relations joined; a letter, which sympy takes for a truth value as well, is none."""
    return isinstance(value, Boolean) and not isinstance(value, Expr)


def warm_up() -> None:
    """Parse and compare one expression of each kind, so that ANTLR's tables and sympy's imports are there before the first answer."""
    for text in (r"\frac{1}{2}", r"2\sqrt{3}", "x^{2}+3x-2", r"\{1,2\}", "(1,2]", "(1,2,3)", "x=2y+1", r"\sin^{2}x", "e^{x}"):
        value = parsed(text)
        if value is not None:
            _equal(value, value, 6, Rules())


warm_up()
