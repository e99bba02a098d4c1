"""Whether what a program gave is what was expected. Runs in the caller's process, on data that the program chose.

So nothing here builds a dict or a set from a program's data, whose hashes it could have made to collide, and nothing is cut to the
shorter side.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from rl_rewards.runtime.sandbox.cell.plain import Tree

_NO_NUMBER = object()
# Exact numbers of a program's choosing become numbers only where that is cheap: Fraction("1e999999999") would fill the memory.
_LONGEST = 4000
_DECIMAL = re.compile(r"-?(?:\d+(?:\.\d*)?(?:E[+-]?\d{1,4})?|\.\d+|NaN|Infinity)")
_FRACTION = re.compile(r"-?\d+(?:/\d+)?")


Compare = Literal["lines", "tokens", "exact", "float"]


def same_output(expected: str, printed: str, tolerance: float, compare: Compare = "lines") -> bool:
    """Whether a program printed what it should.

    Args:
        expected: what it should print.
        printed: what it did.
        tolerance: how far a number may be off, relative or absolute.
        compare: `lines`: line by line, and each line word by word; white space at the ends of lines and blank lines at both ends of the whole do not
            count (APPS, LiveCodeBench). `tokens`: word by word, however they are broken into lines. `float`: as tokens, and every number is one within the
            tolerance, however it is written. `exact`: every character, but for one line break at the end. Words that are decimal numbers in
            `expected` are compared as numbers in `lines` and `tokens`.
    """
    if compare == "exact":
        return expected.removesuffix("\n") == printed.removesuffix("\n")
    if compare in ("tokens", "float"):
        return _same_words(expected, printed, tolerance, compare == "float")
    wanted, given = expected.strip().split("\n"), printed.strip().split("\n")
    return len(wanted) == len(given) and all(_same_words(want, give, tolerance, False) for want, give in zip(wanted, given, strict=True))


def _same_words(wanted: str, given: str, tolerance: float, all_numbers: bool) -> bool:
    if wanted == given:
        return True
    words, theirs = wanted.split(), given.split()
    return len(words) == len(theirs) and all(_same_word(word, other, tolerance, all_numbers) for word, other in zip(words, theirs, strict=True))


def _same_word(wanted: str, given: str, tolerance: float, all_numbers: bool) -> bool:
    if wanted == given:
        return True
    if len(given) > 400 or not (all_numbers or (tolerance and ("." in wanted or "e" in wanted.lower()))):
        return False
    try:
        expected, value = float(wanted), float(given)
    except ValueError:
        return False
    return math.isclose(expected, value, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(expected) and math.isnan(value))


def same_value(expected: Tree, given: Tree, tolerance: float) -> bool:
    """Whether two trees of plain data (checked ones) stand for equal values, as Python's `==` has it, with three allowances.

    Floats may differ by the relative or absolute `tolerance`; NaN equals NaN; a tuple equals a list with the same items, since data sets know
    no tuples. Trees may be nested however deeply.
    """
    pairs = [(expected, given)]
    while pairs:
        wanted, other = pairs.pop()
        number, number_given = _number(wanted), _number(other)
        if number is not _NO_NUMBER or number_given is not _NO_NUMBER:
            if number is _NO_NUMBER or number_given is _NO_NUMBER or not _same_number(number, number_given, tolerance):
                return False
            continue
        items, theirs = _parts(wanted), _parts(other)
        if items is None or theirs is None:
            if items is not theirs or type(wanted) is not type(other) or wanted != other:
                return False
        elif items[0] != theirs[0] or len(items[1]) != len(theirs[1]):
            return False
        else:
            pairs += reversed(list(zip(items[1], theirs[1], strict=True)))
    return True


def _parts(tree: Tree) -> tuple[str, list[Any]] | None:
    """The kind of a container, as far as it matters, and its items, those of sets and dicts in an order of their own; None for what is none."""
    if isinstance(tree, list):
        return "items", tree
    if not isinstance(tree, dict):
        return None
    ((kind, content),) = tree.items()
    if kind == "tuple":
        return "items", content
    if kind in ("set", "frozenset", "dict"):
        return kind.removeprefix("frozen"), sorted(content, key=_canonical)
    return None


def _same_number(number: Any, other: Any, tolerance: float) -> bool:
    if number == other:
        return True
    if isinstance(number, complex) and isinstance(other, complex):
        return _same_number(number.real, other.real, tolerance) and _same_number(number.imag, other.imag, tolerance)
    if isinstance(number, (complex, Decimal)) or isinstance(other, (complex, Decimal)):
        number, other = _as_float(number), _as_float(other)
        if number is None or other is None:
            return False
    if not isinstance(number, float) and not isinstance(other, float):
        return False
    try:
        return math.isclose(number, other, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(number) and math.isnan(other))
    except OverflowError:  # an integer beyond every float
        return False


def _as_float(number: Any) -> float | None:
    """A number as a float that others can be near; None for complex ones, and for exact ones that are no float."""
    if isinstance(number, complex):
        return number.real if number.imag == 0 else None
    if isinstance(number, Decimal) and number.is_snan():
        return None
    return number if isinstance(number, float) else float(number) if isinstance(number, Decimal) and not number.is_finite() else None


def _number(tree: Tree) -> Any:
    """The number that a tree stands for, which may be a bool as in Python; _NO_NUMBER for other trees."""
    if isinstance(tree, (bool, int, float)):
        return tree
    if not isinstance(tree, dict):
        return _NO_NUMBER
    ((kind, content),) = tree.items()
    try:
        if kind == "int":
            return int(content, 16)
        if kind == "complex":
            return complex(*content)
        if kind == "decimal" and len(content) < _LONGEST:
            return Decimal(content) if _DECIMAL.fullmatch(content) else _NO_NUMBER
        if kind == "fraction" and len(content) < _LONGEST and _FRACTION.fullmatch(content):
            return Fraction(content)
    except (ArithmeticError, ValueError):
        pass
    return _NO_NUMBER


def _canonical(tree: Tree) -> str:
    """A key to sort by, the same for equal elements of sets and keys of dicts: 1, 1.0 and True are one key."""
    if isinstance(tree, list) and len(tree) == 2:
        tree = tree[0]
    try:
        return _key(tree)
    except RecursionError:
        return "deep"


def _key(tree: Tree) -> str:
    number = _number(tree)
    if number is _NO_NUMBER:
        parts = _parts(tree) if not isinstance(tree, str) else None
        return json.dumps(tree) if parts is None else f"{parts[0]}({','.join(map(_key, parts[1]))})"
    if isinstance(number, complex):
        if number.imag:
            return str(number)
        number = number.real
    if isinstance(number, (float, Decimal)) and not math.isfinite(number):
        return str(float(number))
    exact = Fraction(number)
    return hex(exact.numerator) if exact.denominator == 1 else f"{exact.numerator}/{exact.denominator}"
