"""What counts as the same output and the same value."""

import pytest

from rl_rewards.runtime.sandbox.cell.plain import encode
from rl_rewards.scorers.code.comparison import same_output, same_value

OUTPUTS = [
    # expected, printed, same
    ("4", "4\n", True),
    ("4\n", "4", True),
    ("1 2\n3", "1 2 \n3\n\n", True),
    ("1 2", "1  2", True),
    ("1\r\n2\r\n", "1\n2\n", True),
    ("", "", True),
    ("", "\n", True),
    ("Yes", "YES", False),
    ("4", "", False),
    ("4", "44", False),
    ("4", "4 4", False),
    ("", "4", False),
    # origin: comparison cut to the shorter side (open-r1's code_reward)
    ("1\n2\n3", "1", False),
    ("1\n2\n3", "1\n2", False),
    ("1\n2", "1\n2\n3", False),
    ("1 2 3", "1 2", False),
    ("1\n2", "1 2", False),
    ("1", "1\n\n\n2", False),
    ("0.3333333333", "0.33333333333333", True),
    ("0.5", "0.50", True),
    ("1e5", "100000", True),
    ("0.5", "0.51", False),
    ("10", "10.0", False),
    ("0.5", "nan", False),
    ("nan.", "nan", False),
    ("0.5", "x", False),
    ("0.5", "9" * 500, False),
]


@pytest.mark.parametrize(("expected", "printed", "same"), OUTPUTS)
def test_outputs_are_the_same_line_by_line_and_word_by_word(expected, printed, same):
    assert same_output(expected, printed, 1e-9) is same


def test_without_tolerance_digits_are_compared():
    assert not same_output("0.5", "0.50", 0)
    assert not same_value(0.1 + 0.2, 0.3, 0)


VALUES = [
    (4, 4, True),
    (4, 5, False),
    (4, 4.0, True),
    (1, True, True),
    (4, "4", False),
    ("4", 4, False),
    (None, None, True),
    (None, 0, False),
    (0, None, False),
    (0.1 + 0.2, 0.3, True),
    (0.3, 0.31, False),
    (float("inf"), float("inf"), True),
    (float("nan"), float("nan"), True),
    (float("nan"), 1.0, False),
    (2**70, 2**70, True),
    (2**70, 2**70 + 1, False),
    (2**70, float(2**70), True),
    (10**400, 1.5, False),
    ([1, 2], (1, 2), True),
    ([1, 2], [1], False),
    ([1], [1, 2], False),
    ([1, 2], [2, 1], False),
    ([], "", False),
    ([[1], (2,)], ([1], [2]), True),
    ({1, 2}, {2, 1}, True),
    ({1, 2}, frozenset({1, 2}), True),
    ({1, 2}, [1, 2], False),
    ([1, 2], {1, 2}, False),
    ({1, 2.5}, {1.0, 2.5}, True),
    ({1, 2}, {1}, False),
    ({"a": [1]}, {"a": (1,)}, True),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ({1: 2}, {"1": 2}, False),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    ({}, [], False),
    ({(1, 2): 3}, {(1, 2): 3}, True),
    (b"a", "a", False),
    (b"a", b"a", True),
]


@pytest.mark.parametrize(("expected", "given", "same"), VALUES)
def test_values_are_the_same_as_python_has_it(expected, given, same):
    assert same_value(encode(expected), encode(given), 1e-9) is same


@pytest.mark.parametrize("expected", [1, "object", [1], {}, None, "x"])
def test_an_object_that_is_not_plain_equals_nothing(expected):
    assert not same_value(encode(expected), {"object": "Everything"}, 1e-9)
