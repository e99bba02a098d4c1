import json

import pytest

from rl_rewards.scorers import JsonMatch
from rl_rewards.types import Outcome, Sample


def score(answer, reference, **options):
    [result] = JsonMatch("gold", **options).score([Sample(None, "", "", {"gold": reference})], [answer])
    return result


FIELDS = [
    ({"a": 1, "b": 2}, {"a": 1, "b": 2}, 1.0),
    ({"b": 2, "a": 1}, {"a": 1, "b": 2}, 1.0),
    ({"a": 1, "b": 3}, {"a": 1, "b": 2}, 0.5),
    ({"b": 1, "a": 2}, {"a": 1, "b": 2}, 0.0),
    ({"a": 1}, {"a": 1, "b": 2}, 0.5),
    ({"a": 1}, {"a": 1, "b": None}, 0.5),
    ({"a": 1, "c": 3}, {"a": 1}, 1.0),
    ({}, {"a": 1}, 0.0),
    ({"a_1": 1}, {"a": 1}, 0.0),
]
VALUES = [
    (1, 1.0, True),
    (1, True, False),
    (0, False, False),
    (True, True, True),
    ("1", 1, False),
    (None, None, True),
    (None, 0, False),
    ("a", "A", False),
    ("a ", "a", False),
    ([1, 2], [1, 2], True),
    ([2, 1], [1, 2], False),
    ([1, 2, 3], [1, 2], False),
    ([True], [1], False),
    ({"x": [1]}, {"x": [1]}, True),
    ({"x": [1], "y": 2}, {"x": [1]}, False),
    ({"x": 1}, [1], False),
    ([], {}, False),
    ("\ud800", "\ud800", True),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), FIELDS)
def test_the_share_of_the_references_fields_is_scored_whatever_their_order(answer, reference, expected):
    assert score(answer, reference).score == expected
    assert score(json.dumps(answer), json.dumps(reference)).score == expected


@pytest.mark.parametrize(("found", "gold", "same"), VALUES)
def test_values_are_equal_as_json_values(found, gold, same):
    assert score({"a": found}, {"a": gold}).score == float(same)


def test_every_field_is_a_component():
    result = score({"a": 1, "b": 3, "c": 4}, {"a": 1, "b": 2})
    assert result.metrics == {"a": 1.0, "b": 0.0}
    assert result.reason == "wrong: b"


MASKS = [
    ({"keep": ["a"]}, {"a": 1, "b": 9}, {"a": 1, "b": 2}, 1.0),
    ({"drop": ["b"]}, {"a": 1, "b": 9}, {"a": 1, "b": 2}, 1.0),
    ({"keep": ["a"]}, {"a": {"x": 1, "y": 9}}, {"a": {"x": 1, "y": 2}}, 0.0),
    ({"keep": ["a.x"]}, {"a": {"x": 1, "y": 9}}, {"a": {"x": 1, "y": 2}}, 1.0),
    ({"keep": ["a"], "drop": ["a.y"]}, {"a": {"x": 1, "y": 9}}, {"a": {"x": 1, "y": 2}}, 1.0),
    ({"keep": ["a"]}, {"b": 1}, {"a": 1}, 0.0),
    ({"drop": ["reasoning"]}, {"a": 1, "reasoning": "so"}, {"a": 1}, 1.0),
    ({"extra_fields": False}, {"a": 1, "b": 2}, {"a": 1}, 0.5),
    ({"extra_fields": False, "keep": ["a"]}, {"a": 1, "b": 2}, {"a": 1}, 1.0),
    ({"all_or_nothing": True}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, 0.0),
    ({"all_or_nothing": True}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, 1.0),
    ({"all_or_nothing": True, "extra_fields": False}, {"a": 1, "b": 2}, {"a": 1}, 0.0),
    ({"correct": 3, "wrong": -1}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, 1.0),
]


@pytest.mark.parametrize(("options", "answer", "reference", "expected"), MASKS)
def test_masks_and_strictness_count_as_the_options_say(options, answer, reference, expected):
    assert score(answer, reference, **options).score == expected


@pytest.mark.parametrize("options", [{"keep": ["typo"]}, {"keep": ["a.typo"]}, {"drop": ["a", "b"]}])
def test_a_mask_that_leaves_nothing_of_the_reference_is_an_error_and_never_a_full_score(options):
    result = score({"a": {"x": 1}, "b": 2}, {"a": {"x": 1}, "b": 2}, **options)
    assert (result.score, result.outcome) == (None, Outcome.ERROR)


@pytest.mark.parametrize("reference", [None, "", "{}", {}, "[1]", "not JSON", 4, ["a"], '{"a": NaN}'])
def test_a_reference_that_is_no_object_with_fields_is_an_error(reference):
    assert score({}, reference).outcome == Outcome.ERROR


@pytest.mark.parametrize("answer", ["", "x", "[1]", "1", '{"a": 1', '{"a":' * 100_000, '{"a": 1e999}', "\ud800"])
def test_an_answer_that_is_no_object_is_unparsed_and_wrong(answer):
    result = score(answer, {"a": 1}, wrong=-1)
    assert (result.score, result.outcome) == (-1, Outcome.UNPARSED)
