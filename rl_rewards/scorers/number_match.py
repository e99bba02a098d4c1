"""Numbers compared with the reference's number."""

from __future__ import annotations

from dataclasses import field
from decimal import Context, Decimal
from functools import cached_property, lru_cache
from numbers import Complex
from typing import Any, NamedTuple

from rl_rewards.configured import configured
from rl_rewards.patterns import compile_pattern
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import ReferenceScorer
from rl_rewards.scorers.texts import answer_text, quoted, reference_texts
from rl_rewards.types import EvaluateResult, Outcome, Sample
from rl_rewards.unicode_text import halfwidth

_LONGEST = 1000  # characters; together with exponents of three digits it bounds the work on any answer
_DIGITS = r"(?:{whole}(?:{point}\d+)?|{point}\d+)(?:[eE][+-]?\d{{1,3}})?"
# A currency sign is before the number, on either side of its sign, or behind it.
_NUMBER = rf"[+-]?(?:\p{{{{Sc}}}} ?)?{_DIGITS} ?%?|\p{{{{Sc}}}} ?[+-]{_DIGITS}|[+-]?{_DIGITS} ?\p{{{{Sc}}}}"
# Exact for every pair of numbers that can be read: they span at most 2,000 digits on each side of the point.
_EXACT = Context(prec=10 * _LONGEST)


_MINUS = str.maketrans(dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{SMALL HYPHEN-MINUS}", "-"))


class Number(NamedTuple):
    """A number that was read, and whether a percent sign stood behind it."""

    value: Decimal
    percent: bool


@configured
class NumberMatch(ReferenceScorer):
    """Scores whether the answer is the reference's number, or within a tolerance of it; any one of a reference that is a list.

    An answer a is right for a reference r when |a - r| <= max(absolute, relative * |r|), in exact decimal arithmetic. The whole answer
    must be a number: digits with an optional sign, currency sign ($5, 5 €), point, exponent, percent sign and final full stop; any other
    answer is `unparsed`.

    Raises:
        ValueError: when a tolerance is negative.
    """

    absolute: float = field(default=0.0, kw_only=True)
    """Largest difference that still is right."""
    relative: float = field(default=0.0, kw_only=True)
    """Largest difference that still is right, as a share of the reference."""
    thousands: bool = field(default=True, kw_only=True)
    """Whether groups of three digits may be separated: 1,234,567."""
    decimal_comma: bool = field(default=False, kw_only=True)
    """Whether a comma is the decimal point, and the point separates thousands: 1.234,5."""
    percent: bool = field(default=False, kw_only=True)
    """Whether 12% is 0.12; otherwise both sides have a percent sign or neither has one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("absolute", "relative"):
            if getattr(self, name) < 0:
                raise ValueError(f"A tolerance is not negative, found {name}={getattr(self, name)}")

    @cached_property
    def _tolerances(self) -> tuple[Decimal, Decimal]:
        return Decimal(str(self.absolute)), Decimal(str(self.relative))

    def target(self, sample: Sample) -> tuple[tuple[Number, ...], tuple[str, ...]]:
        """The reference's numbers, and their texts."""
        reference = super().target(sample)
        texts = reference_texts(_with_commas(reference) if self.decimal_comma else reference)
        return _prepared(texts, self.thousands, self.decimal_comma), texts

    def score_answer(self, answer: Any, target: tuple[tuple[Number, ...], tuple[str, ...]], sample: Sample) -> EvaluateResult:
        numbers, texts = target
        found = read_number(answer_text(answer), self.thousands, self.decimal_comma)
        if found is None:
            return EvaluateResult(self.wrong, f"the answer is not a number: {quoted(answer)}", outcome=Outcome.UNPARSED)
        if any(self._near(found, number) for number in numbers):
            return EvaluateResult(self.correct)
        return EvaluateResult(self.wrong, f"{quoted(answer)} is not {quoted(texts)}")

    def _near(self, found: Number, reference: Number) -> bool:
        a, r = found.value, reference.value
        if self.percent:
            a, r = (_EXACT.scaleb(number.value, -2) if number.percent else number.value for number in (found, reference))
        elif found.percent is not reference.percent:
            return False
        if a == r:
            return True
        absolute, relative = self._tolerances
        return _EXACT.abs(_EXACT.subtract(a, r)) <= max(absolute, _EXACT.multiply(relative, _EXACT.abs(r)))


def read_number(text: str, thousands: bool = True, decimal_comma: bool = False) -> Number | None:
    """The number that `text` is, or None when it is anything else, or longer than 1,000 characters."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if text.isdecimal() and text.isascii():  # most answers
        return Number(Decimal(text), False)
    text = halfwidth(text).removesuffix(".").translate(_MINUS)
    if not _pattern(thousands, decimal_comma).fullmatch(text):
        return None
    percent = text.endswith("%")
    point, separator = (",", ".") if decimal_comma else (".", ",")
    digits = text.replace(separator, "").replace(point, ".")
    return Number(Decimal("".join(char for char in digits if char in _OF_DECIMALS)), percent)


_OF_DECIMALS = frozenset("0123456789.+-eE")


def _with_commas(reference: Any) -> Any:
    """A reference whose numbers, which have a point in Python, are written with a decimal comma as its texts are."""
    if isinstance(reference, (list, tuple)):
        return [_with_commas(item) for item in reference]
    return str(reference).replace(".", ",") if isinstance(reference, Complex | Decimal) else reference


@lru_cache
def _pattern(thousands: bool, decimal_comma: bool) -> Any:
    point, separator = (",", r"\.") if decimal_comma else (r"\.", ",")
    # No group of thousands begins with a zero: 0,123 is a decimal fraction, written with another point.
    whole = rf"(?:[1-9]\d{{0,2}}(?:{separator}\d{{3}})+|\d+)" if thousands else r"\d+"
    return compile_pattern(_NUMBER.format(whole=whole, point=point))


@lru_cache(maxsize=65536)
def _prepared(texts: tuple[str, ...], thousands: bool, decimal_comma: bool) -> tuple[Number, ...]:
    """The numbers of a reference, read once for all the completions of its group and every epoch.

    Raises:
        MissingReferenceError: when one of them is not a number.
    """
    return tuple(_reference_number(text, thousands, decimal_comma) for text in texts)


def _reference_number(text: str, thousands: bool, decimal_comma: bool) -> Number:
    number = read_number(text, thousands, decimal_comma)
    if number is None:
        raise MissingReferenceError(f"the reference is not a number: {text!r:.80}")
    return number
