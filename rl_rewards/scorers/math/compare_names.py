"""Comparing values that have names: x=5, AB=4, f(x)=x+1."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.compare_relations import relations
from rl_rewards.scorers.math.compare_several import in_order, items
from rl_rewards.scorers.math.families import has_letter, renamed
from rl_rewards.scorers.math.kinds import is_braced, is_set
from rl_rewards.scorers.math.reader import read
from rl_rewards.scorers.math.relations import has_variables
from rl_rewards.scorers.math.rules import Comparer
from rl_rewards.scorers.math.three_valued import all_of
from rl_rewards.scorers.math.values import Bracketed, Collection, Named, Number, Record, Relation, Value

__all__ = [
    "both_named",
    "bracketed_and_record",
    "collection_and_record",
    "named_and_record",
    "named_and_relation",
    "named_answer",
    "named_reference",
    "number_and_record",
    "record_and_items",
    "record_and_named",
    "records",
    "relation_and_named",
]

_FUNCTION = re.compile(r"(.*)\([a-z]\)")
_UNKNOWNS = frozenset("xyz")
_SHAPE = re.compile(r"[A-Za-z0-9]")


def both_named(comparison: Comparer, r: Named, a: Named) -> bool | None:
    if r.name == a.name:
        return comparison.equal(r.value, a.value)
    if (r.name in _UNKNOWNS and a.name in _UNKNOWNS) or has_variables(r.value.text) or has_variables(a.value.text):
        renamed = in_letters_of(r, a)
        return comparison.equal(r.value, renamed) if renamed is not None else relations(comparison, r, a)
    return not conflict(r.name, a.name) and comparison.equal(r.value, a.value)


def named_reference(comparison: Comparer, r: Named, a: Value) -> bool | None:
    return comparison.equal(r.value, a)


def named_answer(comparison: Comparer, r: Value, a: Named) -> bool | None:
    return comparison.equal(r, a.value)


def relation_and_named(comparison: Comparer, r: Relation, a: Named) -> bool | None:
    return comparison.equal(r, a.value) if is_set(a.value) else comparison.leaf(r, a, comparison.rules.decimals)


def number_and_record(comparison: Comparer, r: Number, a: Record) -> bool | None:
    """3 against 3 (mod 7), whose remainder is worked out."""
    (field, *others) = a.fields
    return not others and field.name.startswith("mod ") and a.text.startswith(f"{field.value.text}\\pmod") and comparison.equal(r, field.value)


def named_and_relation(comparison: Comparer, r: Named, a: Relation) -> bool | None:
    return comparison.equal(r.value, a) if is_set(r.value) else comparison.leaf(r, a, comparison.rules.decimals)


def records(comparison: Comparer, r: Record, a: Record) -> bool | None:
    given = {field.name: field for field in a.fields}
    if len(r.fields) != len(a.fields):
        return False
    if all(field.name in given for field in r.fields):
        return all_of(comparison.equal(field.value, given[field.name].value) for field in r.fields)
    if len(r.fields) == 1 and _same_modulus(r.fields[0].name, a.fields[0].name):
        return comparison.equal(r.fields[0].value, a.fields[0].value)
    given = {dummy(name): field for name, field in given.items()}
    if len(given) == len(a.fields) and all(dummy(field.name) in given for field in r.fields):
        return all_of(both_named(comparison, field, given[dummy(field.name)]) for field in r.fields)
    return False


def record_and_items(comparison: Comparer, r: Record, a: Collection | Bracketed) -> bool | None:
    """Values without names, in the order in which the reference names them."""
    return (
        False
        if is_braced(a) or any(isinstance(item, Relation) for item in a.items)
        else in_order(comparison, [field.value for field in r.fields], a.items)
    )


def bracketed_and_record(comparison: Comparer, r: Bracketed, a: Record) -> bool | None:
    """Names in the order of the alphabet where they follow each other in it, else as they are written."""
    fields = a.fields
    names = [field.name for field in fields]
    if all(len(name) == 1 for name in names) and ord(max(names)) - ord(min(names)) == len(names) - 1:
        fields = tuple(sorted(fields, key=lambda field: field.name))
    return in_order(comparison, r.items, [field.value for field in fields])


def collection_and_record(comparison: Comparer, r: Collection, a: Record) -> bool | None:
    return items(comparison, r.items, [field.value for field in a.fields])


def named_and_record(comparison: Comparer, r: Named, a: Record) -> bool | None:
    """x=3 or x=5 against x_1=5, x_2=3: the values of one unknown, numbered."""
    if not all(field.name.startswith(f"{r.name}_") for field in a.fields):
        return False
    return comparison.equal(r.value, Collection(a.text, tuple(field.value for field in a.fields)))


def record_and_named(comparison: Comparer, r: Record, a: Named) -> bool | None:
    values = [field.value for field in r.fields]
    if all(field.name.startswith(f"{a.name}_") for field in r.fields):
        return comparison.equal(Collection("", tuple(values)), a.value)
    return record_and_items(comparison, r, a.value) if isinstance(a.value, (Collection, Bracketed)) and "(" in a.name else False


def conflict(name: str, other: str) -> bool:
    """Whether two names of the same shape say different things: AB and CD, f(2) and f(3), but not AB and BA, or n and k."""
    if len(name) < 2 or name.startswith("\\text") or (sorted(name) == sorted(other) and name.isalpha()):
        return False
    return name != other and _SHAPE.sub("a", name) == _SHAPE.sub("a", other) and dummy(name) != dummy(other)


def _same_modulus(name: str, other: str) -> bool:
    """Whether one of two congruences, of the same modulus, does not say what it is of: 3 (mod 7) and x = 3 (mod 7)."""
    return name != other and name.startswith("mod ") is not other.startswith("mod ") and name.endswith(other) is not other.endswith(name)


def dummy(name: str) -> str:
    function = _FUNCTION.fullmatch(name)
    return f"{function[1]}()" if function is not None else name


def in_letters_of(r: Named, a: Named) -> Value | None:
    """The answer's value in the reference's variable, where both are functions of one and have the same name: f(t)=t^2 for f(x)=x^2."""
    if dummy(r.name) != dummy(a.name) or dummy(r.name) == r.name:
        return None
    mine, theirs = a.name[-2], r.name[-2]
    if has_letter(a.value.text, theirs):
        return None  # f(t)=x is no function of t
    return read(renamed(a.value.text, mine, theirs))
