"""Plain numbers: what needs no algebra to be compared."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

Percent = Literal["either", "exact"]

_DIGITS = 400  # in one number; longer ones are not plain
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PLAIN = re.compile(rf"({_NUMBER})")
_FRACTION = re.compile(rf"(?P<whole>\d+)?\\frac\{{(?P<minus>-?)(?P<top>{_NUMBER})\}}\{{(?P<bottom>{_NUMBER})\}}|(?P<a>{_NUMBER})/(?P<b>{_NUMBER})")
_SCIENTIFIC = re.compile(
    rf"(?:(?P<mantissa>{_NUMBER})(?:\\times|\\cdot|\*))?10\^\{{(?P<power>-?\d{{1,3}})\}}|(?P<plain>{_NUMBER})[eE](?P<e>[+-]?\d{{1,3}})"
)
_EQUALS = re.compile(r"(?<![<>!])=|\\(?:approx|simeq)(?![a-zA-Z]) ?")
# What a number may be said to be the value of: x, x_{1}, f(2), AB, \text{Area}, \alpha, or a calculation without variables. 0 is not the
# value of x+y=0.
_NAME = re.compile(r"(?:\\text\{[^{}]*\}|\\[a-zA-Z]+ ?)?(?:[a-zA-Z]|[A-Z]{2,4})?'?(?:_\{\w+\})?(?:\([^()=]{1,20}\))?")
_VARIABLE = re.compile(r"\\[a-zA-Z]+|([a-zA-Z])")
# A unit stands in \text{...} after the number, or is one of these after a plain one; degrees count as a unit.
_UNIT = re.compile(
    r"(?:(?:\\text\{(?P<text>[^{}]*)\}|(?P<degree>\^\{\\circ\})|(?P<word>[a-zA-Z]{1,14}(?:/[a-zA-Z]{1,10})?))(?:\^\{?(?P<power>-?\d)\}?)?)$"
)
_UNIT_WORDS = frozenset(
    "m mm cm dm km in ft yd mi inch inches foot feet yard yards mile miles meter meters metre metres centimeter centimeters kilometer "
    "kilometers g mg kg lb lbs oz gram grams kilogram kilograms pound pounds ounce ounces ton tons s ms sec second seconds min minute "
    "minutes h hr hrs hour hours day days week weeks month months year years l ml liter liters litre litres gallon gallons cup cups dollar dollars "
    "cent cents euro euros usd mph kmh km/h m/s mi/h degree degrees unit units sq square cubic percent people person students apples books "
    "coins points times ways kj pa kpa kw hz mol".split()
)
_BRACKETS = (("(", ")"), ("\\{", "\\}"), ("{", "}"), ("[", "]"))


class Number(NamedTuple):
    """A plain number: its exact value, how many decimals it was written with (None: it is exact), whether % stood behind it, its unit."""

    value: Fraction
    decimals: int | None
    percent: bool
    unit: str


@lru_cache(maxsize=8192)
def plain_number(text: str) -> Number | None:
    """The number that a canonical text says: integer, decimal, fraction, mixed number or power of ten, with its unit; None for all else."""
    text, unit = split_unit(_value_said(text))
    for opening, closing in _BRACKETS:
        if text.startswith(opening) and text.endswith(closing):
            text = text[len(opening) : -len(closing)]
            break
    percent = text.endswith("%")
    text = text.rstrip("%")
    sign = -1 if text.startswith("-") else 1
    text = text.removeprefix("-") if sign < 0 else text.removeprefix("+")
    if len(text) > _DIGITS:
        return None
    read = _read(text)
    return None if read is None else Number(sign * read[0], read[1], percent, unit)


def _value_said(text: str) -> str:
    """The value of a statement such as x=6\\times7=42, which is its last part; the text itself when it is an equation."""
    name, *values = _EQUALS.split(text)
    if values and (_NAME.fullmatch(name) or not any(match[1] for match in _VARIABLE.finditer(name))):
        return values[-1]
    return text


def split_unit(text: str, words: bool = True) -> tuple[str, str]:
    """A canonical text without the unit at its end, and that unit in lower case; "" when there is none.

    Without `words` only \\text{...} and degrees are units, as they must be where cm may be c times m.
    """
    match = _UNIT.search(text)
    before = text[: match.start()] if match is not None else ""
    if match is None or not before or not (before[-1].isalnum() or before[-1] in "})%"):
        return text, ""
    word = (match["word"] or "").lower()
    if word and not (words and word in _UNIT_WORDS and before[-1].isdigit()):
        return text, ""
    unit = match["text"] if match["text"] is not None else ("deg" if match["degree"] else word)
    return before, unit.lower().strip(" .") + (f"^{match['power']}" if match["power"] else "")


def same_number(reference: Number, answer: Number, decimals: int, percent: Percent) -> bool:
    """Whether two plain numbers are equal: exactly when both are exact, else at that many decimals.

    With percent "either", 42% is 42 as well as 0.42; with "exact" it is 0.42 alone.
    """
    r, a = reference.value, answer.value
    rounded = reference.decimals is not None or answer.decimals is not None
    if not (rounded or reference.percent or answer.percent):
        return r.numerator == a.numerator and r.denominator == a.denominator  # what most answers are, at a fraction of Fraction's time
    pairs = [(r / 100 if reference.percent else r, a / 100 if answer.percent else a)]
    if percent == "either" and reference.percent != answer.percent:
        pairs.append((r, a))
    return any(close(x, y, decimals) if rounded else x == y for x, y in pairs)


def close(x: Fraction, y: Fraction, decimals: int) -> bool:
    """Whether two values agree at that many decimals; values too small for these must agree to one part in a thousand."""
    if x == y:
        return True
    step = Fraction(1, 10**decimals)
    size = max(abs(x), abs(y))
    return abs(x - y) <= (step if size > 10 * step else size / 1000)


def _read(text: str) -> tuple[Fraction, int | None] | None:
    """The value of an unsigned number, and its decimals where it has any."""
    if _PLAIN.fullmatch(text):
        return _decimal(text)
    if match := _FRACTION.fullmatch(text):
        top, bottom = (match["top"], match["bottom"]) if match["top"] else (match["a"], match["b"])
        (above, _), (below, _) = _decimal(top), _decimal(bottom)
        if below == 0 or (match["whole"] and match["minus"]):
            return None
        return (int(match["whole"] or 0) + (-1 if match["minus"] else 1) * above / below, None)
    if match := _SCIENTIFIC.fullmatch(text):
        mantissa, power = (match["mantissa"] or "1", match["power"]) if match["power"] else (match["plain"], match["e"])
        value, digits = _decimal(mantissa)
        return value * Fraction(10) ** int(power), None if digits is None else max(0, digits - int(power))
    return None


def _decimal(text: str) -> tuple[Fraction, int | None]:
    whole, point, digits = text.partition(".")
    return Fraction(int(whole + digits or "0"), 10 ** len(digits)), len(digits) if point and digits else None
