"""The arithmetic of formulas, against Python's own on the same numbers and against the rules of its grammar."""

import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.scorers.formula.expression import DEEPEST, LONGEST, Expression, FormulaError, expression

NUMBERS = {"a": 0.5, "b": -2.0, "c": 3.0, "min": 7.0, "x.y": 0.25, "größe": 4.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 0.5),
        ("1", 1),
        (".5", 0.5),
        ("5.", 5),
        ("1e-3", 0.001),
        ("2E2", 200),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("1 - 2 - 3", -4),
        ("8 / 4 / 2", 1),
        ("8 / (4 / 2)", 4),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("(-2) ^ 2", 4),
        ("2 ^ -1", 0.5),
        ("2 ^ - 2 ^ 2", 2**-4),
        ("- - 1", 1),
        ("+1 - +1", 0),
        ("3 - -1", 4),
        ("2 * -3", -6),
        ("4 ^ .5", 2),
        ("0 ^ 0", 1),
        ("min(a, b, c)", -2),
        ("max(a)", 0.5),
        ("min", 7),
        ("min + min(1, 2)", 8),
        ("abs(b)", 2),
        ("floor(-0.5)", -1),
        ("ceil(-0.5)", 0),
        ("exp(0)", 1),
        ("sqrt(4)", 2),
        ("log(exp(2))", 2),
        ("max(min(a, 1), abs(b) ^ 2 / 8) - 2 ^ -1", 0),
        ("x.y * größe", 1),
        (" \t\n a\n+\nb ", -1.5),
        ("(((((a)))))", 0.5),
    ],
)
def test_a_formula_has_the_value_of_its_grammar(text, value):
    assert expression(text).value(NUMBERS) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a formula must be text"),
        ("   ", "a formula must be text"),
        ("a +", "expected a number, a name or '\\(' at character 4, found the end"),
        ("a b", "expected an operator or the end at character 3, found 'b': a >>>b"),
        ("2a", "expected an operator or the end at character 2"),
        ("(a", "expected '\\)' at character 3, found the end"),
        ("a)", "expected an operator or the end at character 2, found '\\)'"),
        ("a ** 2", "expected '\\^', which is the power at character 3"),
        ("a % 2", "expected a number, a name or one of"),
        ("a == 2", "expected a number, a name or one of"),
        ("a if b else c", "expected an operator or the end"),
        ("a[0]", "expected a number, a name or one of"),
        ("__import__('os')", "expected one of the functions min, max, abs"),
        ("round(a)", "expected one of the functions min, max, abs"),
        ("MAX(a)", "expected one of the functions"),
        ("abs(a, b)", "expected abs of 1 number, not of 2"),
        ("abs()", "expected a number, a name or '\\('"),
        ("max(a,)", "expected a number, a name or '\\('"),
        ("max(,a)", "expected a number, a name or '\\('"),
        ("a, b", "expected an operator or the end"),
        ("1e999", "a number that a float can hold"),
        ("1_000", "expected an operator or the end"),
        ("a.", "expected a number, a name or one of"),
        ("\u22122", "expected a number, a name or one of"),
        ("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1), "nest at most 50 deep"),
        ("-" * 100_000 + "a", "at most 10000 characters"),
        ("-" * 5000 + "a", "nest at most 50 deep"),
        ("2^" * 2000 + "2", "nest at most 50 deep"),
        ("1+" * LONGEST + "1", "at most 10000 characters"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_place(text, message):
    with pytest.raises(FormulaError, match=message):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "the quotient of 1, 0"),
        ("0 / 0", "the quotient of 0, 0"),
        ("sqrt(b)", "sqrt of -2"),
        ("log(0)", "log of 0"),
        ("log(b)", "log of -2"),
        ("b ^ 0.5", "the power of -2, 0.5"),
        ("0 ^ -1", "the power of 0, -1"),
        ("exp(1000)", "exp of 1000"),
        ("9 ^ 9 ^ 9 ^ 9", "the power of 9, "),
        ("1e308 * 10", "the product of 1e\\+308, 10"),
        ("1e308 + 1e308", "the sum"),
        ("-1e308 - 1e308", "the difference"),
    ],
)
def test_what_has_no_finite_value_is_an_error_and_never_a_number(text, message):
    with pytest.raises(ArithmeticError, match=message):
        expression(text).value(NUMBERS)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("text", ["a", "a + 1", "-a", "abs(a)", "min(a, 1) + a", "max(1, a) - a", "a * 0"])
def test_a_number_that_is_not_finite_gives_none(text, score):
    with pytest.raises(ArithmeticError):
        expression(text).value({"a": score})


FORMULAS = st.recursive(
    st.sampled_from(["a", "b", "c", "1", "0.5", "2"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"abs({text})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]} - {parts[1]} * {parts[0]}"),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(FORMULAS)
def test_random_formulas_have_the_values_that_python_gives_them(text):
    try:
        expected = eval(text, {"__builtins__": {}, "min": min, "max": max, "abs": abs, **{name: NUMBERS[name] for name in "abc"}})
    except ZeroDivisionError:
        with pytest.raises(ArithmeticError):
            Expression(text).value(NUMBERS)
        return
    assert Expression(text).value(NUMBERS) == pytest.approx(expected)


def test_a_formula_is_read_once_and_can_be_sent_to_a_process():
    made = expression("a + b")
    assert expression("a + b") is made and made.names == {"a", "b"}
    assert pickle.loads(pickle.dumps(made)).value(NUMBERS) == -1.5
