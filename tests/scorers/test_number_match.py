from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.scorers import NumberMatch
from rl_rewards.types import Outcome, Sample


def score(answer, reference, **options):
    [result] = NumberMatch("gold", **options).score([Sample(None, "", "", {"gold": reference})], [answer])
    return result


EXACT = [
    ("42", "42", 1),
    ("42", 42, 1),
    ("42.0", 42, 1),
    ("042", 42, 1),
    ("+42", 42, 1),
    ("42.", 42, 1),
    (" 42\n", 42, 1),
    ("-5", "5", 0),
    ("−5", "-5", 1),
    ("–5", "-5", 1),
    ("‑5", -5, 1),
    ("﹣5", "−5", 1),
    ("–5", "5", 0),
    (".5", "0.5", 1),
    ("0.3", 0.3, 1),
    ("0.30000000000000004", 0.3, 0),
    ("1e3", "1000", 1),
    ("1.5E-2", "0.015", 1),
    ("12345678901234567891", "12345678901234567890", 0),
    ("0.1", "1/10", None),
    ("-0", "0", 1),
]
SEPARATORS = [
    ("1,234", "1234", 1),
    ("1,234,567.5", "1234567.5", 1),
    ("1234", "1,234", 1),
    ("$1,200.00", "1200", 1),
    ("-$5", "-5", 1),
    ("€7", "7", 1),
    ("$-5", "-5", 1),
    ("$ 5", "5", 1),
    ("¥1,200", 1200, 1),
    ("₹ 1,200.50", 1200.5, 1),
    ("5 €", "5", 1),
    ("-5.50 €", -5.5, 1),
    ("5₩", "$5", 1),
    ("5 €", "50", 0),
    ("999,999", 999999, 1),
]
ANY_OF = [("2", [1, 2], 1), ("3", [1, 2], 0), ("2", ["1", "x"], None)]


@pytest.mark.parametrize(("answer", "reference", "expected"), EXACT + SEPARATORS + ANY_OF)
def test_the_same_number_is_right_however_it_is_written(answer, reference, expected):
    assert score(answer, reference).score == expected


NOT_NUMBERS = [
    "",
    "forty-two",
    "42 cm",
    "4 2",
    "1 or 2 or 3",
    "40+2",
    r"6\times7",
    "1,23",
    "1,2345",
    "0,042",
    "00,042",
    "0,000,042",
    "$-$42",
    "-$-42",
    "$42%€",
    "42 dollars",
    ",123",
    "1_000",
    "0x2a",
    "nan",
    "inf",
    "1e9999",
    "--4",
    "4..",
    "٤٢",
    "9" * 1001,
    "\ud800",
    "4\x00",
]


@pytest.mark.parametrize("answer", NOT_NUMBERS)
def test_an_answer_that_is_not_one_number_is_unparsed_and_wrong(answer):
    result = score(answer, "42", wrong=-1)
    assert (result.score, result.outcome) == (-1, Outcome.UNPARSED)


OPTIONS = [
    ({"absolute": 0.01}, "3.15", "3.14", 1),
    ({"absolute": 0.01}, "3.1501", "3.14", 0),
    ({"relative": 0.01}, "101", "100", 1),
    ({"relative": 0.01}, "99", "100", 1),
    ({"relative": 0.01}, "101.01", "100", 0),
    ({"relative": 0.5}, "0.1", "0", 0),
    ({"relative": 0.1, "absolute": 1}, "101", "100", 1),
    ({"absolute": 1}, "1e999", "1", 0),
    ({"thousands": False}, "1,234", "1234", None),
    ({"decimal_comma": True}, "1.234,5", "1234,5", 1),
    ({"decimal_comma": True}, "3,14", "3,14", 1),
    ({"decimal_comma": True}, "0.123", "123", None),
    ({"decimal_comma": True}, "0,001", 0.001, 1),
    ({"decimal_comma": True}, "1", 0.001, 0),
    ({"decimal_comma": True}, "1,234", 1.234, 1),
    ({"decimal_comma": True}, "1.234", 1.234, 0),
    ({"decimal_comma": True}, "1.234,5", 1234.5, 1),
    ({"decimal_comma": True}, "1,5", [2.5, Decimal("1.5")], 1),
    ({"decimal_comma": True}, "5,0", 5.0, 1),
    ({"decimal_comma": True}, "1.234.567 €", 1234567, 1),
    ({"decimal_comma": True}, "0,0000001", 1e-7, 1),
    ({"percent": True}, "12%", "0.12", 1),
    ({"percent": True}, "12 %", "12%", 1),
    ({"percent": True}, "12%", "12", 0),
    ({"percent": False}, "12%", "12%", 1),
    ({"percent": False}, "12%", "12", 0),
    ({"percent": False}, "12%", "0.12", 0),
    ({"percent": False}, "12", "12%", 0),
]


@pytest.mark.parametrize(("options", "answer", "reference", "expected"), OPTIONS)
def test_tolerances_separators_and_percent_signs_count_as_the_options_say(options, answer, reference, expected):
    assert score(answer, reference, **options).score == (expected or 0)


@pytest.mark.parametrize("reference", ["forty-two", "", "1,23", True, {"a": 1}, [], ["x"], float("nan"), float("inf"), [1, "x"]])
def test_a_reference_that_is_not_a_number_is_an_error_and_never_a_score(reference):
    assert score("42", reference).outcome == Outcome.ERROR


@pytest.mark.parametrize("options", [{"absolute": -1}, {"relative": -0.1}, {"absolute": float("nan")}])
def test_a_tolerance_that_cannot_be_one_is_refused(options):
    with pytest.raises(ValueError):
        NumberMatch("gold", **options)


@settings(deadline=None)
@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_equals_itself_as_python_writes_it(number):
    assert score(str(number), number).score == 1


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_two_numbers_are_equal_where_their_values_are(a, b):
    assert score(str(a), str(b)).score == (a == b)
