"""Plain data: what crosses comes back the same, what does not is named, and what a program made up is refused."""

import decimal
import fractions
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_rewards.runtime.sandbox.cell.plain import MAX_DEPTH, NotPlain, check, decode, encode

keys = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.fractions() | st.decimals(allow_nan=False)
)
values = st.recursive(
    keys | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.sets(keys) | st.frozensets(keys) | st.dictionaries(keys, inner),
    max_leaves=20,
)


@given(values)
def test_plain_data_comes_back_the_same_through_json(value):
    tree = check(json.loads(json.dumps(encode(value))))
    back = decode(tree)
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("value", [object(), lambda: 1, [object()], {1: object()}, type, json])
def test_what_is_not_plain_is_refused_unless_someone_takes_it(value):
    with pytest.raises(NotPlain, match="is not plain data"):
        encode(value)
    encode(value, lambda strange: {"object": type(strange).__name__})


def test_numpy_values_are_taken_as_pythons():
    numpy = pytest.importorskip("numpy")
    assert encode([numpy.int64(3), numpy.array([[1.5]]), numpy.bool_(True)]) == [3, [[1.5]], True]


MADE_UP = [
    {}, {"a": 1, "b": 2}, {"int": 5}, {"int": "12"}, {"int": "0xzz"}, {"tuple": "ab"}, {"set": {"int": "0x1"}},
    {"dict": [1]}, {"dict": [[1, 2, 3]]},
    {"bytes": 1}, {"complex": [1, 2]}, {"complex": [1.0]}, {"decimal": 1}, {"remote": [0, "x"]}, {"unknown": "x"},
    [[{"tuple": [{"a": []}]}]],
]  # fmt: skip


@pytest.mark.parametrize("tree", MADE_UP, ids=repr)
def test_a_tree_that_no_value_has_is_refused(tree):
    with pytest.raises(NotPlain):
        check(tree)


def test_a_tree_as_deep_as_no_value_should_be_is_refused():
    deep: list = []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(NotPlain, match="deeper than"):
        check(deep)


def test_exact_numbers_keep_their_type():
    assert decode(encode(decimal.Decimal("0.10"))) == decimal.Decimal("0.10")
    assert decode(encode(fractions.Fraction(1, 3))) == fractions.Fraction(1, 3)
