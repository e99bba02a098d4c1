"""Comparing equations and inequalities, in the worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from rl_rewards.scorers.math.exact import decided
from rl_rewards.scorers.math.points import at_points, compare_at_points

__all__ = ["same_relations", "solution_set"]

_SWAPPED = {sympy.Lt: sympy.Gt, sympy.Le: sympy.Ge, sympy.Gt: sympy.Lt, sympy.Ge: sympy.Le}


def same_relations(reference: Any, answer: Any, is_scalar: Callable[[Any], bool]) -> bool:
    """Whether two relations, or two conjunctions of relations, hold for the same values.

    One is a multiple of the other, which decides linear ones; or both have the same solutions, of which there is at least one.
    """
    parts = [getattr(side, "_unsorted_args", None) or [side] for side in (reference, answer)]
    if all(isinstance(part, Relational) for side in parts for part in side):
        if len(parts[0]) == len(parts[1]) and all(_is_multiple(one, other, is_scalar) for one, other in zip(*parts, strict=True)):
            return True
        if len(parts[0]) == len(parts[1]) == 1 and isinstance(reference, sympy.Eq) and isinstance(answer, sympy.Eq):
            return all(is_scalar(side) for side in (*reference.args, *answer.args)) and _same_solutions(reference, answer)
    if any(part.has(sympy.Eq) for part in (reference, answer)):
        return False
    sets = [solution_set(side) for side in (reference, answer)]
    return sets[0] is not None and sets[0] == sets[1] and reference.free_symbols == answer.free_symbols


def solution_set(relation: Any) -> Any | None:
    """The real numbers that satisfy a relation in one letter, or in one unknown f(x); None for a relation in several."""
    letter = sympy.Symbol("x", real=True)
    relation = relation.replace(lambda part: isinstance(part, AppliedUndef), lambda part: letter)
    if len(relation.free_symbols) != 1:
        return None
    try:
        return relation.xreplace(dict.fromkeys(relation.free_symbols, letter)).as_set()
    except (NotImplementedError, ValueError, TypeError):
        return None


def _is_multiple(reference: Any, answer: Any, is_scalar: Callable[[Any], bool]) -> bool:
    same = type(reference) is type(answer)
    if not (same or _SWAPPED.get(type(reference)) is type(answer)):
        return False
    sides = reference.lhs - reference.rhs, answer.lhs - answer.rhs
    if not all(is_scalar(side) for side in sides):
        return bool(same and reference.args == answer.args)
    factor = None
    for pair in at_points(sides):
        if pair is None or pair[0] == 0 or pair[1] == 0:
            return bool(same and compare_at_points(*sides))
        quotient = pair[1] / pair[0]
        if factor is not None and decided(factor, quotient) is not True:
            return False
        factor = quotient
    if factor is None or isinstance(reference, (sympy.Eq, sympy.Ne)):
        return factor is not None
    return bool(factor.is_real and (factor > 0) is same)


def _same_solutions(reference: Any, answer: Any) -> bool:
    """Whether two equations have the same solutions for each of their letters that both can be solved for, of which there is one at least."""
    letters = {symbol.name: symbol for symbol in reference.free_symbols}
    others = {symbol.name: symbol for symbol in answer.free_symbols}
    if letters.keys() != others.keys():
        return False
    found = False
    for name in sorted(letters):
        try:
            solved = [sympy.solve(side.lhs - side.rhs, symbol) for side, symbol in ((reference, letters[name]), (answer, others[name]))]
        except NotImplementedError:
            continue
        if len(solved[0]) != len(solved[1]) or not all(any(compare_at_points(one, other) for other in solved[1]) for one in solved[0]):
            return False
        found |= bool(solved[0])
    return found
