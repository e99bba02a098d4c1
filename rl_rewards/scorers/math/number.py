"""Numbers that are read to their last character: what needs no algebra to be compared."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from rl_rewards.scorers.math.number_words import number_in_words
from rl_rewards.scorers.math.values import Number

__all__ = ["Percent", "close", "lacks_digit", "read_number", "same_number", "split_unit"]

Percent = Literal["either", "exact"]

_DIGITS = 400  # in one number; longer ones are not plain
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PLAIN = re.compile(rf"({_NUMBER})")
_FRACTION = re.compile(
    rf"(?P<whole>\d+)?\\frac\{{(?P<minus>-?)(?P<top>{_NUMBER})\}}\{{(?P<below>-?)(?P<bottom>{_NUMBER})\}}|(?P<a>{_NUMBER})/(?P<b>{_NUMBER})"
)
_SCIENTIFIC = re.compile(
    rf"(?:(?P<mantissa>{_NUMBER})(?:\\times|\\cdot|\*))?10\^\{{(?P<power>[+-]?\d{{1,3}})\}}|(?P<plain>{_NUMBER})[eE](?P<e>[+-]?\d{{1,3}})"
)
_REPEATING = re.compile(
    r"(?P<whole>\d*)\.(?P<fixed>\d*)(?:\\(?:overline|bar|dot)\{?(?P<repeated>\d+)\}?|\((?P<bracketed>\d+)\))(?:\\dot\{?(?P<last>\d)\}?)?"
)
_BASE = re.compile(
    r"\(?(?P<digits>[0-9A-Za-z]+)\)?(?:_\{\(?(?:base)?(?P<base>\d{1,2}|[a-z]+)\)?\}|\\text\{\s*\(?base\s*(?P<named_base>\d{1,2}|[a-z]+)\)?\})",
    re.IGNORECASE,
)
_SCALES = {"dozen": 12, "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALED = re.compile(rf"-?(?P<number>{_NUMBER})(?:\\text\{{)?(?P<scale>{'|'.join(_SCALES)})s?\}}?", re.IGNORECASE)  # 2.5 million
_DECIMAL_COMMA = re.compile(r"\d+,\d+")
_ONLY_COMMA = re.compile(r"0,\d{2,}|\d+,0\d+")  # few lists are written so, and no thousands
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# A unit is written in \text{...} after the number, or is one of these after a plain one; degrees and primes count as units.
_UNIT = re.compile(
    r"(?:(?:\\text\{(?P<text>(?:[^{}]|\^\{(?:-?\d+|\\circ)\})*)\}|(?P<degree>\^\{\\circ\}(?:\\text\{[CFK]\}|[CFK])?)|(?P<prime>'{1,2})"
    r"|(?P<word>[a-zA-Z]{1,14}(?:/[a-zA-Z]{1,10})?))(?:\^\{?(?P<power>-?\d)\}?)?)$"
)
_BOUND = re.compile(
    r"^\s*(?:or\b|;)|(?:\b(?:or|and)\s+|;\s*)(?:more|less|fewer|greater|higher|lower|above|below|over|under)\b|\bat\s*(?:least|most)\b"
)  # no unit
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_POWER_OF_TEN = re.compile(r"10\^\{-?\d+\}$")
_UNIT_WORDS = frozenset(
    "m mm cm dm km in ft yd mi inch inches foot feet yard yards mile miles meter meters metre metres centimeter centimeters kilometer "
    "kilometers g mg kg lb lbs oz gram grams kilogram kilograms pound pounds ounce ounces ton tons s ms sec second seconds min minute "
    "minutes h hr hrs hour hours day days week weeks month months year years l ml liter liters litre litres gallon gallons cup cups dollar dollars "
    "cent cents euro euros usd mph kmh km/h m/s mi/h degree degrees radian radians unit units sq square cubic percent people person students apples "
    "books coins points times ways kj pa kpa kw hz mol ev kev mev j".split()
)
_BRACKETS = (("(", ")"), ("\\{", "\\}"), ("{", "}"), ("[", "]"))


def read_number(text: str) -> Number | None:
    """The number that a canonical text is: integer, decimal, fraction, mixed number, power of ten, in words, with its unit; None for all else."""
    if text.isdigit() and text.isascii() and len(text) <= _DIGITS:
        return Number(text, Fraction(int(text)))
    if (spoken := number_in_words(text)) is not None:
        return Number(text, Fraction(spoken))
    if (scaled := _SCALED.fullmatch(text)) is not None:
        value, _ = _decimal(scaled["number"])
        return Number(text, (-value if text.startswith("-") else value) * _SCALES[scaled["scale"].lower()])
    body, unit = split_unit(text)
    bracketed = False
    for opening, closing in _BRACKETS:
        if body.startswith(opening) and body.endswith(closing) and not body[len(opening) : -len(closing)].startswith(("+", " ")):
            body, bracketed = body[len(opening) : -len(closing)], True
            break
    percent = body.endswith("%")
    body = body.rstrip("%")
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-") if sign < 0 else body.removeprefix("+")
    if len(body) > _DIGITS or not body:
        return None
    if (based := _BASE.fullmatch(text.removeprefix("-"))) is not None and any(char.isdigit() for char in based["digits"]):
        return _in_base(text, based)
    if "," in body and bracketed:
        return None  # (3,100) are two numbers
    if _DECIMAL_COMMA.fullmatch(body) and not (_THOUSANDS.fullmatch(body) and not body.startswith("0")):
        whole, _, digits = body.partition(",")
        value = Fraction(int(whole + digits), 10 ** len(digits))
        return Number(text, sign * value, len(digits), percent, unit, "", "only" if _ONLY_COMMA.fullmatch(body) or unit else "maybe")
    if _THOUSANDS.fullmatch(body):
        body = body.replace(",", "")
    read = _read(body)
    return None if read is None else Number(text, sign * read[0], read[1], percent, unit)


def is_list_too(number: Number) -> bool:
    """Whether the text of a number may as well be a list: 10,100 or 1,22."""
    return (
        "," in number.text
        and not number.text[-1:].isalpha()
        and (number.decimals is None or bool(number.comma))
        and not number.unit
        and not number.percent
    )


def lacks_digit(text: str) -> bool:
    """Whether a canonical text has a digit that its base lacks, as 59_8 does, so that it is no number."""
    based = _BASE.fullmatch(text.removeprefix("-"))
    return based is not None and based["digits"].isdigit() and _in_base(text, based) is None


def split_unit(text: str, words: bool = True) -> tuple[str, str]:
    """A canonical text without the unit at its end, and that unit in lower case; "" when there is none.

    Without `words` only \\text{...} and degrees are units, as they must be where cm may be c times m.
    """
    before, unit = _last_unit(text, words)
    while (
        unit and "\\text" in before[-30:] and (earlier := _last_unit(before, words))[1] and (earlier[0][-1:].isalnum() or earlier[0][-1:] in "})%]")
    ):
        before, unit = earlier[0], f"{earlier[1]} {unit}"
    return before, unit


def _last_unit(text: str, words: bool) -> tuple[str, str]:
    match = _UNIT.search(text)
    before = text[: match.start()] if match is not None else ""
    if match is None or not before or not (before[-1].isalnum() or before[-1] in "})%]"):
        return text, ""
    if match["degree"] and _ANGLE.search(before) is not None:
        return text, ""  # the degrees of an angle whose sine is asked for
    word = (match["word"] or "").lower()
    if word and not (words and word in _UNIT_WORDS and (before[-1].isdigit() or _POWER_OF_TEN.search(before))):
        return text, ""
    if match["prime"] and not before[-1].isdigit():
        return text, ""
    if match["text"] is not None:
        if before[-1] in "_^" or _is_base(match["text"]) or _BOUND.search(match["text"]) is not None:
            return text, ""
        unit = match["text"]
    else:
        unit = (match["degree"] and "deg") or match["prime"] or word
    power = match["power"] or ""
    return before, unit.lower().strip(" .") + (f"^{power}" if power else "")


def _is_base(unit: str) -> bool:
    return unit.strip().lower().startswith(("base", "(base"))


def same_number(reference: Number, answer: Number, decimals: int, percent: Percent) -> bool:
    """Whether two numbers are equal: exactly when both are exact, else at that many decimals.

    With percent "either", 42% is 42 as well as 0.42; with "exact" it is 0.42 alone. A base is compared where both sides have one, and a
    comma that may separate a list is read as a decimal one only where the reference has decimals and a point.
    """
    if reference.comma == "maybe" or (answer.comma == "maybe" and (reference.decimals is None or reference.comma)):
        return False
    if reference.base or answer.base:
        return (not reference.base or not answer.base or reference.base == answer.base) and _digits(reference) == _digits(answer)
    r, a = reference.value, answer.value
    rounded = reference.decimals is not None or answer.decimals is not None
    if not (rounded or reference.percent or answer.percent):
        return r.numerator == a.numerator and r.denominator == a.denominator  # what most answers are, at a fraction of Fraction's time
    pairs = [(r / 100 if reference.percent else r, a / 100 if answer.percent else a)]
    if percent == "either" and reference.percent != answer.percent:
        pairs.append((r, a))
    if reference.decimals is not None and answer.decimals is not None:
        return any(_close_decimals(x, y, decimals) for x, y in pairs)
    return any(close(x, y, decimals) if rounded else x == y for x, y in pairs)


def _close_decimals(x: Fraction, y: Fraction, decimals: int) -> bool:
    """Whether two written decimals agree at that many decimals, or digits where they are below 1: 0.0000672 is not 0.0000673."""
    return x == y or abs(x - y) <= Fraction(1, 10**decimals) * min(1, max(abs(x), abs(y)))


def close(x: Fraction, y: Fraction, decimals: int) -> bool:
    """Whether two values agree at that many decimals; values too small for these must agree to one part in a thousand."""
    if x == y:
        return True
    step = Fraction(1, 10**decimals)
    size = max(abs(x), abs(y))
    return abs(x - y) <= (step if size > 10 * step else size / 1000)


def _digits(number: Number) -> str:
    based = _BASE.fullmatch(number.text.removeprefix("-"))
    digits = based["digits"] if based is not None else number.text.removeprefix("-")
    return ("-" if number.text.startswith("-") else "") + (digits.lstrip("0") or "0").upper()


def _in_base(text: str, based: re.Match[str]) -> Number | None:
    named_base = (based["base"] or based["named_base"]).lower()
    base = int(named_base) if named_base.isdigit() else number_in_words(named_base)
    try:
        return None if base is None or not 2 <= base <= 36 else Number(text, Fraction(int(based["digits"], base)), base=str(base))
    except ValueError:  # a digit that the base lacks
        return None


def _read(text: str) -> tuple[Fraction, int | None] | None:
    """The value of an unsigned number, and its decimals where it has any."""
    if _PLAIN.fullmatch(text):
        return _decimal(text)
    if match := _FRACTION.fullmatch(text):
        top, bottom = (match["top"], match["bottom"]) if match["top"] else (match["a"], match["b"])
        (above, _), (below, _) = _decimal(top), _decimal(bottom)
        if below == 0 or (match["whole"] and (match["minus"] or match["below"])):
            return None
        return (int(match["whole"] or 0) + (-1 if match["minus"] != match["below"] else 1) * above / below, None)
    if match := _SCIENTIFIC.fullmatch(text):
        mantissa, power = (match["mantissa"] or "1", match["power"]) if match["power"] else (match["plain"], match["e"])
        value, digits = _decimal(mantissa)
        return value * Fraction(10) ** int(power), None if digits is None else max(0, digits - int(power))
    if match := _REPEATING.fullmatch(text):
        return _repeating(match), None
    return None


def _decimal(text: str) -> tuple[Fraction, int | None]:
    whole, point, digits = text.partition(".")
    return Fraction(int(whole + digits or "0"), 10 ** len(digits)), len(digits) if point and digits else None


def _repeating(match: re.Match[str]) -> Fraction:
    r"""The value of 0.1\overline{6}, 0.1\dot{6} or 0.1(6)."""
    fixed, repeated = match["fixed"], (match["repeated"] or match["bracketed"]) + (match["last"] or "")
    start = Fraction(int(match["whole"] or 0)) + Fraction(int(fixed or 0), 10 ** len(fixed))
    return start + Fraction(int(repeated), (10 ** len(repeated) - 1) * 10 ** len(fixed))
