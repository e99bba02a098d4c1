"""Comparing lists, sets, tuples, intervals, matrices, piecewise definitions, ratios."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rl_rewards.scorers.math.compare_relations import no_set
from rl_rewards.scorers.math.kinds import is_braced, may_be_set
from rl_rewards.scorers.math.pairing import pairs_off, without_common
from rl_rewards.scorers.math.reader import read
from rl_rewards.scorers.math.rules import Comparer
from rl_rewards.scorers.math.three_valued import all_of, any_of
from rl_rewards.scorers.math.values import Bracketed, Cases, Collection, Expression, Matrix, Number, Ratio, Relation, Value

__all__ = [
    "bracketed",
    "bracketed_and_list",
    "case",
    "cases",
    "collections",
    "in_order",
    "items",
    "matrices",
    "matrix_and_vector",
    "one_and_several",
    "pairs",
    "ratio_and_scalar",
    "ratios",
    "sets",
    "several_and_one",
]

_CLOCK = re.compile(r"\d{1,2}(?::[0-5]\d){1,2}")
_MOST_ITEMS = 200  # items of a list that are paired off one by one
_ORDINARY = frozenset("()")


def collections(comparison: Comparer, r: Collection, a: Collection) -> bool | None:
    if all(isinstance(item, Relation) for item in (*r.items, *a.items)) and (";" in r.text) is not (";" in a.text):
        return comparison.algebra(r, a)  # x>1 and x<3 is not x>1 or x<3
    if comparison.rules.lists == "sets" or (r.braces and a.braces):
        return sets(comparison, r.items, a.items)
    if comparison.rules.lists == "ordered" and not (r.braces or a.braces):
        return in_order(comparison, r.items, a.items)
    return items(comparison, r.items, a.items)


def items(comparison: Comparer, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
    """Whether the items can be paired off, in any order."""
    if len(r) != len(a):
        return False
    r, a = without_common(r, a)
    return pairs(comparison, [[comparison.equal(one, other) for other in a] for one in r]) if len(r) <= _MOST_ITEMS else False


def pairs(comparison: Comparer, edges: Sequence[Sequence[bool | None]]) -> bool | None:
    """Whether rows and columns pair off along edges; None where that takes edges that are not known."""
    if pairs_off([[edge is True for edge in row] for row in edges]):
        return True
    return None if pairs_off([[edge is not False for edge in row] for row in edges]) else False


def sets(comparison: Comparer, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
    """Whether each item of one is in the other."""
    if {value.text for value in r} == {value.text for value in a}:
        return True
    if len(r) > _MOST_ITEMS or len(a) > _MOST_ITEMS:
        return False
    found = [[comparison.equal(one, other) for other in a] for one in r]
    return all_of([*(any_of(row) for row in found), *(any_of(column) for column in zip(*found, strict=True))])


def in_order(comparison: Comparer, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
    return len(r) == len(a) and all_of(comparison.equal(one, other) for one, other in zip(r, a, strict=True))


def bracketed(comparison: Comparer, r: Bracketed, a: Bracketed) -> bool | None:
    vectors = len(r.items) > 2
    if (r.opening, r.closing) != (a.opening, a.closing) and not vectors:
        comparison.reason = "other brackets"
        return False
    return in_order(comparison, r.items, a.items)


def bracketed_and_list(comparison: Comparer, r: Bracketed | Collection, a: Bracketed | Collection) -> bool | None:
    """(1,2) and 1,2: in the same order; an interval is no list and a set has no order."""
    if any(isinstance(item, Relation) for item in (*r.items, *a.items)):
        return comparison.algebra(r, a) if isinstance(r, Collection) or comparison.rules.allow_set_relation else no_set(comparison)
    for side in (r, a):
        if is_braced(side) or (isinstance(side, Bracketed) and len(side.items) < 3 and not {side.opening, side.closing} <= _ORDINARY):
            return False
    return in_order(comparison, r.items, a.items)


def matrices(comparison: Comparer, r: Matrix, a: Matrix) -> bool | None:
    if [len(row) for row in r.rows] != [len(row) for row in a.rows]:
        return False
    return all_of(in_order(comparison, one, other) for one, other in zip(r.rows, a.rows, strict=True))


def matrix_and_vector(comparison: Comparer, r: Matrix | Bracketed, a: Matrix | Bracketed) -> bool | None:
    """A column or a row against a tuple of its entries, and rows in brackets: [[1,2],[3,4]]."""
    rows = [side.rows if isinstance(side, Matrix) else _rows(side) for side in (r, a)]
    if rows[0] is not None and rows[1] is not None:
        return len(rows[0]) == len(rows[1]) and all_of(in_order(comparison, one, other) for one, other in zip(*rows, strict=True))
    vectors = [entries(side) for side in (r, a)]
    return vectors[0] is not None and vectors[1] is not None and in_order(comparison, vectors[0], vectors[1])


def cases(comparison: Comparer, r: Cases, a: Cases) -> bool | None:
    if len(r.rows) != len(a.rows):
        return False
    return pairs(comparison, [[case(comparison, one, other) for other in a.rows] for one in r.rows])


def case(comparison: Comparer, r: tuple[Value, Value | None], a: tuple[Value, Value | None]) -> bool | None:
    """The same value under the same condition; "otherwise" is what the other rows leave over."""
    if r[1] is None or a[1] is None or "otherwise" in (r[1].text, a[1].text):
        return comparison.equal(r[0], a[0])
    return all_of(comparison.equal(one, other) for one, other in ((r[0], a[0]), (r[1], a[1])))


def ratios(comparison: Comparer, r: Ratio, a: Ratio) -> bool | None:
    if len(r.terms) != len(a.terms):
        return False
    if _CLOCK.fullmatch(r.text) or _CLOCK.fullmatch(a.text) or not all(isinstance(term, Number) for term in (*r.terms, *a.terms)):
        return in_order(comparison, r.terms, a.terms)
    x, y = ([term.value for term in side.terms if isinstance(term, Number)] for side in (r, a))
    return bool(x[0] and y[0]) and all(one * y[0] == other * x[0] for one, other in zip(x, y, strict=True))


def ratio_and_scalar(comparison: Comparer, r: Value, a: Value) -> bool | None:
    if any(isinstance(side, Ratio) and len(side.terms) != 2 for side in (r, a)):
        return False
    sides = [read(rf"\frac{{{side.terms[0].text}}}{{{side.terms[1].text}}}") if isinstance(side, Ratio) else side for side in (r, a)]
    return comparison.equal(sides[0], sides[1])


def several_and_one(comparison: Comparer, r: Value, a: Value) -> bool | None:
    items = r.items if isinstance(r, (Collection, Bracketed)) else ()
    if len(items) == 1:
        return items[0].text != "\\emptyset" and comparison.equal(items[0], a)
    return comparison.algebra(r, a) if isinstance(a, Expression) and may_be_set(a.text) else False


def one_and_several(comparison: Comparer, r: Value, a: Value) -> bool | None:
    items = a.items if isinstance(a, (Collection, Bracketed)) else ()
    if len(items) == 1:
        return items[0].text != "\\emptyset" and comparison.equal(r, items[0])
    if any(isinstance(item, Relation) for item in items) and not comparison.rules.allow_set_relation:
        return no_set(comparison)
    return comparison.algebra(r, a) if isinstance(r, Expression) and may_be_set(r.text) else False


def _rows(value: Bracketed) -> Sequence[Sequence[Value]] | None:
    rows = [item.items for item in value.items if isinstance(item, Bracketed) and item.opening == "["]
    return rows if value.opening == "[" and len(rows) == len(value.items) else None


def entries(value: Value) -> Sequence[Value] | None:
    if isinstance(value, Bracketed):
        return value.items
    if isinstance(value, Matrix):
        if len(value.rows) == 1:
            return value.rows[0]
        if all(len(row) == 1 for row in value.rows):
            return [row[0] for row in value.rows]
    return None
