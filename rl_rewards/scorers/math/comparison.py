"""Comparing two values: a small table over their kinds, whose leaves are numbers, words and, for the algebra, expressions.

The same table is used twice: by the caller without algebra, where a leaf that only algebra can decide leaves the verdict open (None), and by
a worker with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from rl_rewards.scorers.math.final_form import calculation_left, has_operation, is_irrational
from rl_rewards.scorers.math.number import Percent, close, same_number, split_unit
from rl_rewards.scorers.math.reader import read
from rl_rewards.scorers.math.relations import has_variables, says_value
from rl_rewards.scorers.math.values import (
    Approximate,
    Bracketed,
    Cases,
    Choice,
    Collection,
    Expression,
    Matrix,
    Named,
    Number,
    Ratio,
    Readings,
    Record,
    Relation,
    Value,
    Words,
)
from rl_rewards.scorers.math.words import letters

__all__ = ["Comparison", "Leaf", "Lists", "Rules"]

Lists = Literal["unordered", "ordered", "sets"]
Leaf = Callable[[Value, Value, int], bool | None]
"""Whether two values are equal by algebra, decimals at so many places; None where that is not known here."""

_SET = re.compile(r"\\(?:cup|cap|setminus|mathbb|pm|mp|emptyset|in|begin)(?![a-zA-Z])|\\\{")
_POWERS = re.compile(r"\^-?\d+")
_CLOCK = re.compile(r"\d{1,2}(?::[0-5]\d){1,2}")
_FUNCTION = re.compile(r"(.*)\([a-z]\)")
_UNKNOWNS = frozenset("xyz")
_MOST_ITEMS = 200  # items of a list that are paired off one by one
_ORDINARY = frozenset("()")
_SHAPE = re.compile(r"[A-Za-z0-9]")
_ELLIPSIS = re.compile(r"\\[lcd]?dots|\.\.\.")


class Rules(NamedTuple):
    """What the options say of comparing."""

    decimals: int = 6
    percent: Percent = "either"
    units: Literal["ignore", "compare"] = "ignore"
    lists: Lists = "unordered"
    allow_set_relation: bool = False
    allow_unevaluated: bool = False
    positive: bool = False


class Comparison:
    """One comparison of an answer with a reference; `reason` is the more telling one of a "no", where there is one."""

    def __init__(self, rules: Rules, leaf: Leaf) -> None:
        self.rules = rules
        self.reason: str | None = None
        self._leaf = leaf

    def equal(self, reference: Value, answer: Value) -> bool | None:
        """Whether the answer is right; None where algebra has to say."""
        if reference.text == answer.text and not (isinstance(reference, Named) and isinstance(answer, Named)):
            return True
        if isinstance(reference, Readings):
            return _any(self.equal(value, answer) for value in reference.values)
        if isinstance(answer, Readings):
            return _any(self.equal(reference, value) for value in answer.values)
        if isinstance(reference, Approximate):
            return _any(self.equal(value, answer) for value in (reference.exact, reference.rounded))
        if isinstance(answer, Approximate):
            return self._approximate(reference, answer)
        kinds = type(reference), type(answer)
        compare = _TABLE.get(kinds) or _BY_ANSWER.get(kinds[1]) or _BY_REFERENCE.get(kinds[0]) or _SEVERAL.get(kinds[1]) or _C._scalars
        return compare(self, reference, answer)

    # Scalars.

    def _scalars(self, r: Value, a: Value) -> bool | None:
        if isinstance(r, Number) and isinstance(a, Number):
            if self._other_unit(r.unit, a.unit):
                return False
            return same_number(r, a, self.rules.decimals, self.rules.percent)
        if self._other_unit(*(value.unit if isinstance(value, (Number, Expression)) else "" for value in (r, a))):
            return False
        if not self.rules.allow_unevaluated and self._unevaluated(r, a):
            return False
        return self._algebra(r, a)

    def _algebra(self, r: Value, a: Value) -> bool | None:
        if _ELLIPSIS.search(r.text) or _ELLIPSIS.search(a.text):
            self.reason = "what an ellipsis stands for is compared as text"
            return False
        return self._leaf(r, a, self.rules.decimals)

    def _other_unit(self, r: str, a: str) -> bool:
        if r and a and r != a and (self.rules.units == "compare" or _POWERS.sub("", r) == _POWERS.sub("", a)):  # cm^2 is never cm^3
            self.reason = "other units"
            return True
        return False

    def _unevaluated(self, r: Value, a: Value) -> bool:
        text = split_unit(a.text)[0] if isinstance(a, Number) else a.text
        finer = isinstance(r, Number) and is_irrational(text) and ((r.decimals or 0) >= self.rules.decimals or r.unit == "deg")
        if isinstance(r, Number) and not isinstance(a, Number) and has_operation(text) and not finer:
            self.reason = "unevaluated: the reference is a number, the answer still has to be worked out"
            return True
        if (left := calculation_left(text, r.text)) is not None:
            self.reason = f"unevaluated: {left} is left in the answer"
            return True
        return False

    def _approximate(self, r: Value, a: Approximate) -> bool | None:
        """a \\approx b is right where a is, or where b is and it is what a is rounded to."""
        exact = self.equal(r, a.exact)
        if exact or not isinstance(a.rounded, Number):
            return exact
        return _any([exact, _all(test() for test in (lambda: self.equal(r, a.rounded), lambda: self._rounds(a.exact, a.rounded)))])

    def _rounds(self, exact: Value, rounded: Value) -> bool | None:
        decimals = rounded.decimals or 0 if isinstance(rounded, Number) else self.rules.decimals
        if isinstance(exact, Number) and isinstance(rounded, Number):
            return close(exact.value, rounded.value, decimals)
        return self._leaf(exact, rounded, decimals)

    # Names.

    def _both_named(self, r: Named, a: Named) -> bool | None:
        if r.name == a.name:
            return self.equal(r.value, a.value)
        if (r.name in _UNKNOWNS and a.name in _UNKNOWNS) or has_variables(r.value.text) or has_variables(a.value.text):
            renamed = _renamed(r, a)
            return self.equal(r.value, renamed) if renamed is not None else self._relations(r, a)
        return not _conflict(r.name, a.name) and self.equal(r.value, a.value)

    def _relations(self, r: Value, a: Value) -> bool | None:
        """Equations in other letters' terms, such as y=2x+1 and y-1=2x; a value of x is none of y."""
        if isinstance(r, Named) and isinstance(a, Named) and not (has_variables(r.value.text) and has_variables(a.value.text)):
            return False
        return self._algebra(r, a)

    def _named_reference(self, r: Named, a: Value) -> bool | None:
        return self.equal(r.value, a)

    def _named_answer(self, r: Value, a: Named) -> bool | None:
        return self.equal(r, a.value)

    def _relation_and_named(self, r: Relation, a: Named) -> bool | None:
        return self.equal(r, a.value) if _is_set(a.value) else self._leaf(r, a, self.rules.decimals)

    def _named_and_relation(self, r: Named, a: Relation) -> bool | None:
        return self.equal(r.value, a) if _is_set(r.value) else self._leaf(r, a, self.rules.decimals)

    def _records(self, r: Record, a: Record) -> bool | None:
        given = {field.name: field for field in a.fields}
        if len(r.fields) != len(a.fields):
            return False
        if all(field.name in given for field in r.fields):
            return _all(self.equal(field.value, given[field.name].value) for field in r.fields)
        given = {_dummy(name): field for name, field in given.items()}
        if len(given) == len(a.fields) and all(_dummy(field.name) in given for field in r.fields):
            return _all(self._both_named(field, given[_dummy(field.name)]) for field in r.fields)
        return False

    def _record_and_items(self, r: Record, a: Collection | Bracketed) -> bool | None:
        """Values without names, in the order in which the reference names them."""
        return (
            False
            if _is_braced(a) or any(isinstance(item, Relation) for item in a.items)
            else self._in_order([field.value for field in r.fields], a.items)
        )

    def _bracketed_and_record(self, r: Bracketed, a: Record) -> bool | None:
        """Names in the order of the alphabet where they follow each other in it, else as they are written."""
        fields = a.fields
        names = [field.name for field in fields]
        if all(len(name) == 1 for name in names) and ord(max(names)) - ord(min(names)) == len(names) - 1:
            fields = tuple(sorted(fields, key=lambda field: field.name))
        return self._in_order(r.items, [field.value for field in fields])

    def _collection_and_record(self, r: Collection, a: Record) -> bool | None:
        return self._items(r.items, [field.value for field in a.fields])

    def _named_and_record(self, r: Named, a: Record) -> bool | None:
        """x=3 or x=5 against x_1=5, x_2=3: the values of one unknown, numbered."""
        if not all(field.name.startswith(f"{r.name}_") for field in a.fields):
            return False
        return self.equal(r.value, Collection(a.text, tuple(field.value for field in a.fields)))

    def _record_and_named(self, r: Record, a: Named) -> bool | None:
        values = [field.value for field in r.fields]
        if all(field.name.startswith(f"{a.name}_") for field in r.fields):
            return self.equal(Collection("", tuple(values)), a.value)
        return self._record_and_items(r, a.value) if isinstance(a.value, (Collection, Bracketed)) and "(" in a.name else False

    # Several values.

    def _collections(self, r: Collection, a: Collection) -> bool | None:
        if self.rules.lists == "sets" or (r.braces and a.braces):
            return self._sets(r.items, a.items)
        if self.rules.lists == "ordered" and not (r.braces or a.braces):
            return self._in_order(r.items, a.items)
        return self._items(r.items, a.items)

    def _items(self, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
        """Whether the items can be paired off, in any order."""
        if len(r) != len(a):
            return False
        r, a = _without_common(r, a)
        return self._pairs([[self.equal(one, other) for other in a] for one in r]) if len(r) <= _MOST_ITEMS else False

    def _pairs(self, edges: Sequence[Sequence[bool | None]]) -> bool | None:
        """Whether rows and columns pair off along edges; None where that takes edges that are not known."""
        if _pairs_off([[edge is True for edge in row] for row in edges]):
            return True
        return None if _pairs_off([[edge is not False for edge in row] for row in edges]) else False

    def _sets(self, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
        """Whether each item of one is in the other."""
        if {value.text for value in r} == {value.text for value in a}:
            return True
        if len(r) > _MOST_ITEMS or len(a) > _MOST_ITEMS:
            return False
        found = [[self.equal(one, other) for other in a] for one in r]
        return _all([*(_any(row) for row in found), *(_any(column) for column in zip(*found, strict=True))])

    def _in_order(self, r: Sequence[Value], a: Sequence[Value]) -> bool | None:
        return len(r) == len(a) and _all(self.equal(one, other) for one, other in zip(r, a, strict=True))

    def _bracketed(self, r: Bracketed, a: Bracketed) -> bool | None:
        vectors = len(r.items) > 2
        if (r.opening, r.closing) != (a.opening, a.closing) and not vectors:
            self.reason = "other brackets"
            return False
        return self._in_order(r.items, a.items)

    def _bracketed_and_list(self, r: Bracketed | Collection, a: Bracketed | Collection) -> bool | None:
        """(1,2) and 1,2: in the same order; an interval is no list and a set has no order."""
        if any(isinstance(item, Relation) for item in (*r.items, *a.items)):
            return self._algebra(r, a) if isinstance(r, Collection) or self.rules.allow_set_relation else self._no_set()
        for side in (r, a):
            if _is_braced(side) or (isinstance(side, Bracketed) and len(side.items) < 3 and not {side.opening, side.closing} <= _ORDINARY):
                return False
        return self._in_order(r.items, a.items)

    def _matrices(self, r: Matrix, a: Matrix) -> bool | None:
        if [len(row) for row in r.rows] != [len(row) for row in a.rows]:
            return False
        return _all(self._in_order(one, other) for one, other in zip(r.rows, a.rows, strict=True))

    def _matrix_and_vector(self, r: Matrix | Bracketed, a: Matrix | Bracketed) -> bool | None:
        """A column or a row against a tuple of its entries."""
        vectors = [_entries(side) for side in (r, a)]
        return vectors[0] is not None and vectors[1] is not None and self._in_order(vectors[0], vectors[1])

    def _cases(self, r: Cases, a: Cases) -> bool | None:
        if len(r.rows) != len(a.rows):
            return False
        return self._pairs([[self._case(one, other) for other in a.rows] for one in r.rows])

    def _case(self, r: tuple[Value, Value | None], a: tuple[Value, Value | None]) -> bool | None:
        """The same value under the same condition; "otherwise" is what the other rows leave over."""
        if r[1] is None or a[1] is None or "otherwise" in (r[1].text, a[1].text):
            return self.equal(r[0], a[0])
        return _all(self.equal(one, other) for one, other in ((r[0], a[0]), (r[1], a[1])))

    def _ratios(self, r: Ratio, a: Ratio) -> bool | None:
        if len(r.terms) != len(a.terms):
            return False
        if _CLOCK.fullmatch(r.text) or _CLOCK.fullmatch(a.text) or not all(isinstance(term, Number) for term in (*r.terms, *a.terms)):
            return self._in_order(r.terms, a.terms)
        x, y = ([term.value for term in side.terms if isinstance(term, Number)] for side in (r, a))
        return bool(x[0] and y[0]) and all(one * y[0] == other * x[0] for one, other in zip(x, y, strict=True))

    def _ratio_and_scalar(self, r: Value, a: Value) -> bool | None:
        if any(isinstance(side, Ratio) and len(side.terms) != 2 for side in (r, a)):
            return False
        sides = [read(rf"\frac{{{side.terms[0].text}}}{{{side.terms[1].text}}}") if isinstance(side, Ratio) else side for side in (r, a)]
        return self.equal(sides[0], sides[1])

    # Relations, words, choices.

    def _scalar_and_relation(self, r: Value, a: Relation) -> bool | None:
        """a+b=5 says that what is asked for is 5; x+y=0 is an equation, and an inequality is no value."""
        if isinstance(r, Collection) and any(isinstance(item, Relation) for item in r.items):
            return self._algebra(r, a)
        if _is_set(r):
            return self._algebra(r, a) if self.rules.allow_set_relation or a.builds_set else self._no_set()
        value = read(a.parts[-1])
        if not says_value(a) or not isinstance(value, Number) or not value.value:
            return False
        return self.equal(r, value)

    def _relation_and_any(self, r: Relation, a: Value) -> bool | None:
        if _is_set(a) and set(r.signs) != {"="}:
            return self._algebra(r, a)
        return isinstance(a, Collection) and any(isinstance(item, Relation) for item in a.items) and self._algebra(r, a)

    def _no_set(self) -> bool:
        self.reason = "the reference is a set, the answer a relation"
        return False

    def _words(self, r: Words, a: Value) -> bool | None:
        if isinstance(a, Words):
            return r.letters == a.letters
        return letters(a.text) == r.letters and a.text.isalnum()

    def _any_and_words(self, r: Value, a: Words) -> bool | None:
        if letters(r.text) == a.letters and r.text.replace("\\text", "").strip("{}").isalpha():
            return True
        return self._algebra(r, a) if isinstance(r, Expression) and "\\text" not in a.text else False

    def _choices(self, r: Choice, a: Choice) -> bool | None:
        return r.letter == a.letter

    def _never(self, r: Value, a: Value) -> bool | None:
        return False

    def _any_and_choice(self, r: Value, a: Choice) -> bool | None:
        return self._scalars(r, Expression(a.text)) if isinstance(r, (Expression, Number)) else False

    # One value against several.

    def _several_and_one(self, r: Value, a: Value) -> bool | None:
        items = r.items if isinstance(r, (Collection, Bracketed)) else ()
        if len(items) == 1:
            return self.equal(items[0], a)
        return self._algebra(r, a) if isinstance(a, Expression) and _SET.search(a.text) else False

    def _one_and_several(self, r: Value, a: Value) -> bool | None:
        items = a.items if isinstance(a, (Collection, Bracketed)) else ()
        if len(items) == 1:
            return self.equal(r, items[0])
        if any(isinstance(item, Relation) for item in items) and not self.rules.allow_set_relation:
            return self._no_set()
        return self._algebra(r, a) if isinstance(r, Expression) and _SET.search(r.text) else False


def _conflict(name: str, other: str) -> bool:
    """Whether two names of the same shape say different things: AB and CD, f(2) and f(3), but not AB and BA, or n and k."""
    if len(name) < 2 or name.startswith("\\text") or (sorted(name) == sorted(other) and name.isalpha()):
        return False
    return name != other and _SHAPE.sub("a", name) == _SHAPE.sub("a", other) and _dummy(name) != _dummy(other)


def _is_set(value: Value) -> bool:
    if isinstance(value, Readings):
        return any(_is_set(one) for one in value.values)
    return isinstance(value, Bracketed) or (isinstance(value, Expression) and _SET.search(value.text) is not None) or _is_braced(value)


def _is_braced(value: Value) -> bool:
    return isinstance(value, Collection) and value.braces


def _entries(value: Value) -> Sequence[Value] | None:
    if isinstance(value, Bracketed):
        return value.items
    if isinstance(value, Matrix):
        if len(value.rows) == 1:
            return value.rows[0]
        if all(len(row) == 1 for row in value.rows):
            return [row[0] for row in value.rows]
    return None


def _dummy(name: str) -> str:
    function = _FUNCTION.fullmatch(name)
    return f"{function[1]}()" if function is not None else name


def _renamed(r: Named, a: Named) -> Value | None:
    """The answer's value in the reference's variable, where both are functions of one and have the same name: f(t)=t^2 for f(x)=x^2."""
    if _dummy(r.name) != _dummy(a.name) or _dummy(r.name) == r.name:
        return None
    mine, theirs = a.name[-2], r.name[-2]
    return read(re.sub(rf"(?<![a-zA-Z\\]){mine}(?![a-z])", theirs, a.value.text))


def _any(edges: Iterable[bool | None]) -> bool | None:
    unknown = False
    for edge in edges:
        if edge:
            return True
        unknown |= edge is None
    return None if unknown else False


def _all(edges: Iterable[bool | None]) -> bool | None:
    unknown = False
    for edge in edges:
        if edge is False:
            return False
        unknown |= edge is None
    return None if unknown else True


def _without_common(r: Sequence[Value], a: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """Two lists without the items that both have, as they are written."""
    common = Counter(value.text for value in r) & Counter(value.text for value in a)
    left = []
    for values in (r, a):
        spent = Counter(common)
        left.append([value for value in values if not spent[value.text] or spent.subtract([value.text])])
    return left[0], left[1]


def _pairs_off(edges: Sequence[Sequence[bool]]) -> bool:
    """Whether rows and columns can be paired along edges (Kuhn's augmenting paths)."""
    partner: dict[int, int] = {}

    def augment(row: int, seen: set[int]) -> bool:
        for column, edge in enumerate(edges[row]):
            if edge and column not in seen:
                seen.add(column)
                if column not in partner or augment(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    return all(augment(row, set()) for row in range(len(edges)))


_C = Comparison
_TABLE: dict[tuple[type, type], Any] = {
    (Named, Named): _C._both_named,
    (Named, Record): _C._named_and_record,
    (Named, Relation): _C._named_and_relation,
    (Relation, Named): _C._relation_and_named,
    (Relation, Relation): _C._relations,
    (Record, Record): _C._records,
    (Record, Named): _C._record_and_named,
    (Record, Collection): _C._record_and_items,
    (Record, Bracketed): _C._record_and_items,
    (Bracketed, Record): _C._bracketed_and_record,
    (Collection, Record): _C._collection_and_record,
    (Collection, Collection): _C._collections,
    (Collection, Bracketed): _C._bracketed_and_list,
    (Bracketed, Collection): _C._bracketed_and_list,
    (Bracketed, Bracketed): _C._bracketed,
    (Matrix, Matrix): _C._matrices,
    (Matrix, Bracketed): _C._matrix_and_vector,
    (Bracketed, Matrix): _C._matrix_and_vector,
    (Cases, Cases): _C._cases,
    (Ratio, Ratio): _C._ratios,
    (Choice, Choice): _C._choices,
    (Words, Named): _C._named_answer,
    (Choice, Named): _C._named_answer,
    (Relation, Collection): _C._relation_and_any,
    (Relation, Bracketed): _C._relation_and_any,
    (Relation, Expression): _C._relation_and_any,
    (Relation, Number): _C._relation_and_any,
    (Words, Words): _C._words,
    (Named, Words): _C._named_reference,
    (Named, Choice): _C._named_reference,
    (Named, Ratio): _C._named_reference,
    (Named, Cases): _C._named_reference,
}
# Failing a row for the pair: by the answer's kind, then by the reference's.
_BY_ANSWER: dict[type, Any] = {
    Named: _C._named_answer,
    Words: _C._any_and_words,
    Choice: _C._any_and_choice,
    Relation: _C._scalar_and_relation,
    Ratio: _C._ratio_and_scalar,
    Record: _C._never,
    Cases: _C._never,
}
_BY_REFERENCE: dict[type, Any] = {
    Named: _C._named_reference,
    Words: _C._words,
    Choice: _C._never,
    Relation: _C._relation_and_any,
    Ratio: _C._ratio_and_scalar,
    Record: _C._never,
    Cases: _C._never,
    Collection: _C._several_and_one,
    Bracketed: _C._several_and_one,
}
_SEVERAL: dict[type, Any] = {Collection: _C._one_and_several, Bracketed: _C._one_and_several}
