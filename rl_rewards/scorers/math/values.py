"""What an answer can be: the kinds of value that the reader makes of a canonical text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

__all__ = [
    "Approximate",
    "Bracketed",
    "Cases",
    "Choice",
    "Collection",
    "Expression",
    "Matrix",
    "Named",
    "Number",
    "Ratio",
    "Readings",
    "Record",
    "Relation",
    "Value",
    "Words",
]


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is read whole: its exact value and how it was written."""

    text: str
    value: Fraction
    decimals: int | None = None
    """How many decimals it was written with; None: it is exact."""
    percent: bool = False
    unit: str = ""
    base: str = ""
    """The base that its digits are in, where one is written: "8" of 52_8, whose value is then that of its digits, 52."""
    comma: Literal["", "only", "maybe"] = ""
    """Whether its decimals follow a comma: the only reading of 0,05, and one of two of 1,22."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What only algebra can read: a term in variables, roots, functions, unions of sets."""

    text: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """An equation or inequality that is no assignment."""

    text: str
    signs: tuple[str, ...]
    parts: tuple[str, ...]
    builds_set: bool = False
    """Whether it is the condition of a set, as in {x | x > 2}."""


@dataclass(frozen=True, slots=True)
class Named:
    """A value with the name that it is the value of: x=5, f(x)=x+1, AB=4."""

    text: str
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Record:
    """The values of several names, in the order written: x=1, y=2."""

    text: str
    fields: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Several values: a list without brackets, or a set in braces."""

    text: str
    items: tuple[Value, ...]
    braces: bool = False


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Values whose order counts: a tuple, a vector, an interval."""

    text: str
    items: tuple[Value, ...]
    opening: str
    closing: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The rows of a matrix, or of a column vector."""

    text: str
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Cases:
    """A piecewise definition: (value, condition) rows, a condition of "" where none is written."""

    text: str
    rows: tuple[tuple[Value, Value | None], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Terms joined by colons: 7:32, 12:00."""

    text: str
    terms: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Approximate:
    """An exact value and what it is rounded to."""

    text: str
    exact: Value
    rounded: Value


@dataclass(frozen=True, slots=True)
class Choice:
    """The letter of an option, and what the option says where that is written, too: A, (B), C. Paris."""

    text: str
    letter: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words, as its letters and digits in lower case."""

    text: str
    letters: str


@dataclass(frozen=True, slots=True)
class Readings:
    """A text that can be read in several ways: 10,100 is a number and a list of two."""

    text: str
    values: tuple[Value, ...]


Value = Number | Expression | Relation | Named | Record | Collection | Bracketed | Matrix | Cases | Ratio | Approximate | Choice | Words | Readings
