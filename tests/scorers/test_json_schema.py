import json

import pytest

from rl_rewards import load_rubric
from rl_rewards.scorers import JsonSchema
from rl_rewards.types import Outcome, Sample


def score(schema, answer):
    [result] = JsonSchema(schema).score([Sample(None, "", "")], [answer])
    return result


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}, "parent": {"$ref": "#"}},
    "required": ["name"],
    "additionalProperties": False,
}
VALIDITY = [
    (PERSON, {"name": "Ada", "age": 36}, 1),
    (PERSON, '{"name": "Ada"}', 1),
    (PERSON, {"name": "Ada", "parent": {"name": "Anne"}}, 1),
    (PERSON, {"name": "Ada", "parent": {}}, 0),
    (PERSON, {"name": ""}, 0),
    (PERSON, {"age": 36}, 0),
    (PERSON, {"name": "Ada", "age": True}, 0),
    (PERSON, {"name": "Ada", "x": 1}, 0),
    (PERSON, "[]", 0),
    ({"type": "array", "uniqueItems": True}, "[1, true, [1], {}, []]", 1),
    ({"type": "array", "uniqueItems": True}, "[1, 1.0]", 0),
    ({"type": "array", "uniqueItems": True}, '[{"a": [1]}, {"a": [1.0]}]', 0),
    ({"pattern": "^a+$"}, '"aaa"', 1),
    ({"pattern": "^a+$"}, '"aab"', 0),
    ({"pattern": "."}, '"\\ud800"', 1),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, '["a", 1]', 1),
    ({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}, "1", 1),
    ({"$id": "https://example.com/n", "$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}, '"1"', 0),
]


@pytest.mark.parametrize(("schema", "answer", "expected"), VALIDITY)
def test_an_answer_is_valid_or_not(schema, answer, expected):
    assert score(schema, answer).score == expected
    assert score(json.dumps(schema), answer).score == expected


def test_the_reason_names_the_place_and_the_rule():
    assert score(PERSON, {"name": "Ada", "age": -1}).reason == "$.age: -1 is less than the minimum of 0"


@pytest.mark.parametrize("answer", ["", "x", "{", "NaN", "1 2", "[" * 100_000, "1e999", "9" * 5000])
def test_an_answer_that_is_not_json_is_unparsed_and_wrong(answer):
    result = score({}, answer)
    assert (result.score, result.outcome) == (0, Outcome.UNPARSED)


REFUSED = [
    ({"type": "strin"}, r"wrong at \$\.type"),
    ("{", "not JSON"),
    ("5", "A schema is an object"),
    ({"$ref": "https://example.com/schema.json"}, "another document"),
    ({"properties": {"a": {"$ref": "other.json#/a"}}}, "another document"),
    ({"$ref": "#/$defs/typo"}, "leads nowhere"),
    ({"properties": {"a": {"pattern": "(?=a)"}}}, "RE2 refuses"),
    ({"patternProperties": {"^a": {}}}, "not supported"),
]


@pytest.mark.parametrize(("schema", "message"), REFUSED)
def test_a_schema_that_cannot_work_or_would_leave_the_machine_is_refused(schema, message):
    with pytest.raises(ValueError, match=message):
        JsonSchema(schema)


HOSTILE = [
    ({"pattern": "^(a+)+$"}, '"' + "a" * 50_000 + '!"'),
    ({"uniqueItems": True}, json.dumps([{"a": [n]} for n in range(20_000)])),
    ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, '{"a":' * 900 + "1" + "}" * 900),
    ({"multipleOf": 0.1}, "9" * 400),
]


@pytest.mark.parametrize(("schema", "answer"), HOSTILE, ids=["pattern", "unique items", "depth", "large number"])
def test_a_hostile_answer_is_scored_and_neither_stalls_nor_fails_the_scorer(schema, answer):
    assert score(schema, answer).score in (0, 1)


def test_a_schema_in_a_rubric_file_is_a_mapping_and_is_saved_as_one(tmp_path):
    written = "rewards:\n- name: valid\n  score:\n    json_schema:\n      schema:\n        type: object\n        required: [a]\n"
    (tmp_path / "rubric.yaml").write_text(written)
    rubric = load_rubric(tmp_path / "rubric.yaml")
    rubric.save(tmp_path / "saved.yaml")
    assert (tmp_path / "saved.yaml").read_text() == written
    assert load_rubric(tmp_path / "saved.yaml") == rubric
