"""Comparing relations, words and choices."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.compare_scalars import scalars
from rl_rewards.scorers.math.kinds import is_set
from rl_rewards.scorers.math.reader import read
from rl_rewards.scorers.math.relations import has_variables, says_value
from rl_rewards.scorers.math.rules import Comparer
from rl_rewards.scorers.math.values import Choice, Collection, Expression, Named, Number, Relation, Value, Words
from rl_rewards.scorers.math.words import letters

__all__ = [
    "any_and_choice",
    "any_and_words",
    "choice_and_any",
    "choices",
    "never",
    "no_set",
    "relation_and_any",
    "relations",
    "scalar_and_relation",
    "words",
]

_WORD = re.compile(r"\\?[a-zA-Z]+|(?=.*[a-zA-Z]{3})[a-zA-Z0-9]+")  # June 20 too


def relations(comparison: Comparer, r: Value, a: Value) -> bool | None:
    """Equations in other letters' terms, such as y=2x+1 and y-1=2x; a value of x is none of y."""
    if isinstance(r, Named) and isinstance(a, Named):
        lists = isinstance(r.value, Collection) or isinstance(a.value, Collection)
        if lists or not (has_variables(r.value.text) and has_variables(a.value.text)):
            return False
    return comparison.algebra(r, a)


def scalar_and_relation(comparison: Comparer, r: Value, a: Relation) -> bool | None:
    """a+b=5 says that what is asked for is 5; x+y=0 is an equation, and an inequality is no value."""
    if isinstance(r, Collection) and any(isinstance(item, Relation) for item in r.items):
        return comparison.algebra(r, a)
    if is_set(r):
        return comparison.algebra(r, a) if comparison.rules.allow_set_relation or a.builds_set else no_set(comparison)
    value = read(a.parts[-1])
    if not says_value(a) or not isinstance(value, Number) or not value.value:
        return False
    return comparison.equal(r, value)


def relation_and_any(comparison: Comparer, r: Relation, a: Value) -> bool | None:
    if is_set(a) and set(r.signs) != {"="}:
        return comparison.algebra(r, a)
    return isinstance(a, Collection) and any(isinstance(item, Relation) for item in a.items) and comparison.algebra(r, a)


def no_set(comparison: Comparer) -> bool:
    comparison.reason = "the reference is a set, the answer a relation"
    return False


def words(comparison: Comparer, r: Words, a: Value) -> bool | None:
    if isinstance(a, Words):
        return r.letters == a.letters
    return letters(a.text) == r.letters and _WORD.fullmatch(a.text) is not None


def any_and_words(comparison: Comparer, r: Value, a: Words) -> bool | None:
    if letters(r.text) == a.letters and _WORD.fullmatch(r.text.replace("\\text", "").strip("{}")) is not None:
        return True
    return comparison.algebra(r, a) if isinstance(r, Expression) and "\\text" not in a.text else False


def choices(comparison: Comparer, r: Choice, a: Choice) -> bool | None:
    """The same letter, with no other number behind it: (C) 15 is not (C) 14."""
    values = read(r.content), read(a.content)
    if r.letter == a.letter and all(isinstance(value, Number) for value in values):
        return comparison.equal(*values)
    return r.letter == a.letter


def choice_and_any(comparison: Comparer, r: Choice, a: Value) -> bool | None:
    return comparison.equal(read(r.content), a) if r.content else False


def never(comparison: Comparer, r: Value, a: Value) -> bool | None:
    return False


def any_and_choice(comparison: Comparer, r: Value, a: Choice) -> bool | None:
    if a.content:
        return comparison.equal(r, read(a.content))
    return scalars(comparison, r, Expression(a.text)) if isinstance(r, (Expression, Number)) else False
