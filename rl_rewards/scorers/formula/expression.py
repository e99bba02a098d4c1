"""Arithmetic over named numbers: `0.5 * correct + 0.5 * min(style, 1) ^ 2`, read by a parser of its own, never by eval.

    sum      = product (("+" | "-") product)*
    product  = signed (("*" | "/") signed)*
    signed   = ("+" | "-") signed | power
    power    = atom ("^" signed)?                  so that -2^2 is -4, 2^3^2 is 2^9 and 2^-1 is 0.5
    atom     = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

It is the language of `calculate_output` of OpenAI's multi grader, whose guide names the operators and functions and leaves the rest open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

__all__ = ["FUNCTIONS", "Expression", "FormulaError", "expression"]

LONGEST = 10_000  # characters
DEEPEST = 50  # parentheses, functions, signs and powers inside one another
_TOKEN = re.compile(r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)|(?P<mark>[-+*/^(),]))")

_Step = float | str | tuple[Callable[..., Any], int]
"""A number, a name, or a function of so many numbers from the top of the stack."""


class FormulaError(ValueError):
    """A text that is no formula; the message marks the place."""


class Expression:
    """A formula, read once.

    Attributes:
        text: as it was written.
        names: the names in it that are no functions.

    Raises:
        FormulaError: when the text is no formula, or too long or too deep to be one of a person's.

    Example:
        >>> Expression("max(a, b) - 2^-1").value({"a": 1.0, "b": 0.25})
        0.5
    """

    __slots__ = ("text", "names", "_steps")

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        self.text = text
        self._steps = tuple(reader.steps)
        self.names = frozenset(step for step in self._steps if isinstance(step, str))

    def value(self, numbers: Mapping[str, float]) -> float:
        """The value where the names have these numbers.

        Raises:
            ArithmeticError: where it has none: a division by zero, the root or logarithm of a negative number, a result too large.
            KeyError: for a name without a number.
        """
        stack: list[float] = []
        for step in self._steps:
            if isinstance(step, tuple):
                function, count = step
                arguments = stack[-count:]
                del stack[-count:]
                stack.append(_finite(function, arguments))
                continue
            number = float(numbers[step]) if isinstance(step, str) else step
            if not math.isfinite(number):  # min and max would let it pass, or not, by its place
                raise ArithmeticError(f"{step} is {number}, no finite number")
            stack.append(number)
        return stack[0]

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


@lru_cache(maxsize=1024)
def expression(text: str) -> Expression:
    """The Expression of a text, read once."""
    return Expression(text)


def _finite(function: Callable[..., Any], arguments: list[float]) -> float:
    try:
        value = float(function(*arguments))
    except (ValueError, ArithmeticError):
        value = math.nan
    if not math.isfinite(value):
        written = ", ".join(f"{argument:g}" for argument in arguments)
        raise ArithmeticError(f"{_NAMES[function]} of {written} is no finite number")
    return value


def _divide(a: float, b: float) -> float:
    return a / b


def _minus(a: float) -> float:
    return -a


def _add(a: float, b: float) -> float:
    return a + b


def _subtract(a: float, b: float) -> float:
    return a - b


def _multiply(a: float, b: float) -> float:
    return a * b


FUNCTIONS: dict[str, tuple[Callable[..., Any], int | None]] = {
    "min": (min, None),
    "max": (max, None),
    "abs": (abs, 1),
    "floor": (math.floor, 1),
    "ceil": (math.ceil, 1),
    "exp": (math.exp, 1),
    "sqrt": (math.sqrt, 1),
    "log": (math.log, 1),
}
"""Function -> what computes it, and how many numbers it takes; None for one or more. `log` is the natural logarithm."""
_OPERATORS: dict[str, Callable[..., float]] = {"+": _add, "-": _subtract, "*": _multiply, "/": _divide, "^": math.pow}
_NAMES: dict[Callable[..., Any], str] = {
    **{function: name for name, (function, _) in FUNCTIONS.items()},
    _add: "the sum", _subtract: "the difference", _multiply: "the product", _divide: "the quotient", math.pow: "the power", _minus: "-",
}  # fmt: skip


class _Reader:
    """Reads a text from left to right into steps in the order of their evaluation."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip():
            raise FormulaError(f"a formula must be text such as '0.5 * a + 0.5 * b', got {text!r:.80}")
        if len(text) > LONGEST:
            raise FormulaError(f"a formula must have at most {LONGEST} characters, got {len(text)}")
        self.text = text
        self.steps: list[_Step] = []
        self._depth = 0
        self._end = 0
        self._next()
        self._sum()
        if self._kind:
            raise self._wrong("an operator or the end")

    def _next(self) -> None:
        """Go on to the next token: its kind (number, name, mark, or nothing at the end), its text and where it starts."""
        token = _TOKEN.match(self.text, self._end)
        if token is None:
            rest = self.text[self._end :]
            self._start = self._end + len(rest) - len(rest.lstrip())
            if rest.strip():
                raise self._wrong("a number, a name or one of + - * / ^ ( ) ,")
            self._kind, self._token = "", ""
            return
        self._kind = token.lastgroup or ""
        self._token, self._start, self._end = token[self._kind], token.start(self._kind), token.end()

    def _sum(self) -> None:
        self._product()
        while self._token in ("+", "-"):
            self._operator(self._token, self._product)

    def _product(self) -> None:
        self._signed()
        while self._token in ("*", "/"):
            if self.text.startswith("**", self._start):
                raise self._wrong("'^', which is the power")
            self._operator(self._token, self._signed)

    def _signed(self) -> None:
        with _Deeper(self):
            if self._token == "-":
                self._next()
                self._signed()
                self.steps.append((_minus, 1))
            elif self._token == "+":
                self._next()
                self._signed()
            else:
                self._atom()
                if self._token == "^":
                    self._operator("^", self._signed)

    def _operator(self, mark: str, operand: Callable[[], None]) -> None:
        self._next()
        operand()
        self.steps.append((_OPERATORS[mark], 2))

    def _atom(self) -> None:
        kind, token = self._kind, self._token
        if kind == "number":
            number = float(token)
            if math.isinf(number):
                raise self._wrong("a number that a float can hold")
            self._next()
            self.steps.append(number)
        elif kind == "name":
            place = self._start
            self._next()
            if self._token == "(":
                self._call(token, place)
            else:
                self.steps.append(token)
        elif token == "(":
            self._next()
            self._sum()
            self._close()
        else:
            raise self._wrong("a number, a name or '('")

    def _call(self, name: str, place: int) -> None:
        if name not in FUNCTIONS:
            self._start = place
            raise self._wrong(f"one of the functions {', '.join(FUNCTIONS)}")
        function, arity = FUNCTIONS[name]
        count = 1
        self._next()
        self._sum()
        while self._token == ",":
            self._next()
            self._sum()
            count += 1
        self._close()
        if arity is not None and count != arity:
            self._start = place
            raise self._wrong(f"{name} of {arity} number, not of {count}")
        if count > 1 or arity is not None:
            self.steps.append((function, count))

    def _close(self) -> None:
        if self._token != ")":
            raise self._wrong("')'")
        self._next()

    def _wrong(self, expected: str) -> FormulaError:
        found = f"{self.text[self._start :][:20]!r}" if self.text[self._start :].strip() else "the end"
        return FormulaError(f"expected {expected} at character {self._start + 1}, found {found}: {_marked(self.text, self._start)}")


class _Deeper:
    """Counts how deep a formula nests while it is read: the reader calls itself as deep."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        self._reader._depth += 1
        if self._reader._depth > DEEPEST:
            raise FormulaError(f"a formula must nest at most {DEEPEST} deep")

    def __exit__(self, *_: object) -> None:
        self._reader._depth -= 1


def _marked(text: str, place: int) -> str:
    """A part of a text with a mark before a place."""
    return f"{text[max(0, place - 30) : place]}>>>{text[place : place + 30]}"
