"""JSON as its standard has it."""

import json

import pytest

from rl_rewards.tables.strict_json import strict_json

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1.5, "b": None, "c": [True, "é"]}, '{"a": 1.5, "b": null, "c": [true, "é"]}'),
        ({"a": NAN}, '{"a": null}'),
        ([INF, -INF, {"a": (NAN, 1.0)}], '[null, null, {"a": [null, 1.0]}]'),
        ({1: NAN}, '{"1": null}'),
        (NAN, "null"),
    ],
)
def test_numbers_that_json_has_not_are_null(value, text):
    assert strict_json(value) == text
    json.loads(text, parse_constant=pytest.fail)
