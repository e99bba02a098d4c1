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
    (True, "1", 1),
    (False, "1", 0),
    ({"properties": {"a": False}}, {"b": 1}, 1),
    ({"properties": {"a": False}}, {"a": 1}, 0),
    ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"n_a": 1}, 1),
    ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"n_a": "1"}, 0),
    ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"a": 1}, 0),
    ({"$ref": "#text", "$defs": {"t": {"$anchor": "text", "type": "string"}}}, "1", 0),
    ({"$ref": "urn:example:text", "$defs": {"t": {"$id": "urn:example:text", "type": "string"}}}, "1", 0),
    ({"$id": "https://example.com/a", "$ref": "b", "$defs": {"t": {"$id": "b", "type": "string"}}}, '"1"', 1),
    ({"$id": "https://example.com/a", "$ref": "b", "$defs": {"t": {"$id": "b", "type": "string"}}}, "1", 0),
    ({"$dynamicAnchor": "n", "type": "object", "additionalProperties": {"$dynamicRef": "#n"}}, {"a": {"b": {}}}, 1),
    ({"$dynamicAnchor": "n", "type": "object", "additionalProperties": {"$dynamicRef": "#n"}}, {"a": {"b": 1}}, 0),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "strin"}, 0),
    ({"format": "email"}, '"x"', 1),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}, '"x"', 1),
    ({"multipleOf": 0.01}, "4.35", 1),
    ({"const": "\ufffd"}, '"\\ud800"', 0),
]


@pytest.mark.parametrize(("schema", "answer", "expected"), VALIDITY)
def test_an_answer_is_valid_or_not(schema, answer, expected):
    assert score(schema, answer).score == expected
    assert score(json.dumps(schema), answer).score == expected


@pytest.mark.parametrize("answer", ["", "x", "{", "NaN", "1 2", "[" * 100_000, "1e999", "9" * 5000])
def test_an_answer_that_is_not_json_is_unparsed_and_wrong(answer):
    result = score({}, answer)
    assert (result.score, result.outcome) == (0, Outcome.UNPARSED)


REFUSED = [
    ({"type": "strin"}, r"wrong at \$\.type"),
    ("{", "must be JSON"),
    ("5", "must be an object, true or false"),
    ({"$ref": "https://example.com/schema.json"}, "places in the schema itself.*https://example.com/schema.json is another document"),
    ({"$id": "https://example.com/a", "$ref": "b"}, "example.com/b is another document"),
    ({"properties": {"a": {"$ref": "other.json#/a"}}}, "another document"),
    ({"$ref": "file:///etc/passwd"}, "another document"),
    ({"$ref": "urn:uuid:0"}, "another document"),
    ({"$schema": "https://example.com/meta"}, "https://example.com/meta"),
    ({"$ref": "#/$defs/typo"}, "'/\\$defs/typo' does not exist"),
    ({"$ref": "#typo"}, "'typo' does not exist"),
    ({"properties": {"a": {"pattern": "(?=a)"}}}, r"wrong at \$\.properties\.a\.pattern.*without lookahead"),
    ({"pattern": r"(a)\1"}, "linear time"),
    ({"patternProperties": {"(?!a)": {}}}, "linear time"),
]


@pytest.mark.parametrize(("schema", "message"), REFUSED)
def test_a_schema_that_cannot_work_or_would_leave_the_machine_is_refused(schema, message):
    with pytest.raises(ValueError, match=message):
        JsonSchema(schema)


def nested(depth, leaf="1"):
    return "[" * depth + leaf + "]" * depth


def expression(depth, leaf="1"):
    return '{"left":' * depth + leaf + ',"op":"*","right":1}' * depth


def operation(sign):
    return {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "op": {"const": sign}, "right": {"$ref": "#"}},
        "required": ["left", "op", "right"],
    }


LISTS = {"type": "array", "items": {"$ref": "#"}}
CHAIN = {"properties": {"left": {"$ref": "#"}}}
RECURSIVE = {
    "expressions": ({"oneOf": [{"type": "number"}, operation("+"), operation("-"), operation("*")]}, expression(40), 1),
    "expressions with a wrong leaf": ({"oneOf": [{"type": "number"}, operation("+"), operation("-"), operation("*")]}, expression(40, '"x"'), 0),
    "anyOf": ({"anyOf": [LISTS, LISTS | {"minItems": 1}]}, nested(40), 0),
    "oneOf": ({"oneOf": [LISTS, LISTS | {"maxItems": 0}, {"type": "number"}]}, nested(40), 1),
    "allOf": ({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}, nested(40), 1),
    "items and contains": ({"items": {"$ref": "#"}, "contains": {"$ref": "#"}}, nested(40), 1),
    "double not": ({"not": {"not": LISTS}}, nested(40, ""), 1),
    "double not, wrong": ({"not": {"not": LISTS}}, nested(40), 0),
    "if and then": ({"if": CHAIN, "then": CHAIN, "else": False, "type": ["object", "integer"]}, expression(40), 1),
    "unevaluated": ({"anyOf": [CHAIN, CHAIN | {"minProperties": 1}], "unevaluatedProperties": True, "type": "object"}, expression(40), 0),
    "dynamic references": (
        {"$dynamicAnchor": "n", "anyOf": [{"type": "array", "items": {"$dynamicRef": "#n"}, "minItems": n} for n in (0, 1)]},
        nested(40),
        0,
    ),
    "two definitions": (
        {
            "$defs": {
                "a": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/b"}}, {"type": "array", "items": {"$ref": "#/$defs/a"}}]},
                "b": {"oneOf": [{"type": "array", "items": {"$ref": "#/$defs/a"}}, {"type": "array", "items": {"$ref": "#/$defs/b"}, "maxItems": 0}]},
            },
            "$ref": "#/$defs/a",
        },
        nested(40),
        0,
    ),
}


@pytest.mark.parametrize(("schema", "answer", "expected"), RECURSIVE.values(), ids=RECURSIVE.keys())
def test_a_recursive_schema_decides_a_deep_answer_and_gives_its_reason(schema, answer, expected):
    """Each took exponential time once: at this depth, for ever."""
    result = score(schema, answer)
    assert result.score == expected and bool(result.reason) is not bool(expected)


HOSTILE = {
    "pattern": ({"pattern": "^(a+)+$"}, '"' + "a" * 50_000 + '!"'),
    "pattern of names": ({"patternProperties": {"^(a+)+$": False}}, '{"' + "a" * 50_000 + '!": 1}'),
    "unique items": ({"uniqueItems": True}, json.dumps([{"a": [n]} for n in range(20_000)])),
    "depth": ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, '{"a":' * 900 + "1" + "}" * 900),
    "large number": ({"multipleOf": 0.1}, "9" * 400),
    "many errors": ({"items": {"anyOf": [{"type": "string"}, {"minimum": 5}]}}, json.dumps([1] * 100_000)),
    "endless schema": ({"anyOf": [{"type": "string"}, {"$ref": "#"}]}, "1"),
}


@pytest.mark.parametrize(("schema", "answer"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_is_scored_and_neither_stalls_nor_fails_the_scorer(schema, answer):
    assert score(schema, answer).score in (0, 1)


@pytest.mark.parametrize(("depth", "expected"), [(1, 1), (499, 1), (500, 1), (501, 0), (900, 0)])
def test_an_answer_deeper_than_500_levels_is_wrong(depth, expected):
    assert score({}, nested(depth)).score == expected


REASONS = [
    (PERSON, {"name": "Ada", "age": -1}, "$.age: -1 is less than the minimum of 0"),
    (PERSON, {"name": "Ada", "x": 1}, "$: Additional properties are not allowed ('x' was unexpected)"),
    (PERSON, {"age": 1}, '$: "name" is a required property'),
    (PERSON, {"name": "Ada", "parent": {"name": "Anne", "parent": {"name": 3}}}, '$.parent.parent.name: 3 is not of type "string"'),
    (PERSON, "[]", '$: [] is not of type "object"'),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "null"}}, '["a", null, 1]', '$[2]: 1 is not of type "null"'),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [True], "additionalItems": {"type": "null"}},
        "[1, 2]",
        '$[1]: 2 is not of type "null"',
    ),
    ({"properties": {"a/b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, {"a/b": 1}, "$.a/b: invalid under anyOf"),
    ({"properties": {"a": False}}, {"a": 1}, "$.a: nothing is allowed here"),
    ({"allOf": [{"properties": {"a": {"maximum": 2}}}]}, {"a": 3}, "$.a: 3 is greater than the maximum of 2"),
    ({"additionalProperties": {"type": "string"}}, {"a": "", "b": 1}, '$.b: 1 is not of type "string"'),
    ({"$ref": "#s", "$defs": {"s": {"$anchor": "s", "type": "string"}}}, "1", "$: invalid under $ref"),
    (False, "1", "$: nothing is allowed here"),
]


@pytest.mark.parametrize(("schema", "answer", "expected"), REASONS)
def test_the_reason_names_the_place_and_the_rule(schema, answer, expected):
    assert score(schema, answer).reason == expected


def test_a_schema_in_a_rubric_file_is_a_mapping_and_is_saved_as_one(tmp_path):
    written = "rewards:\n- name: valid\n  score:\n    json_schema:\n      schema:\n        type: object\n        required: [a]\n"
    (tmp_path / "rubric.yaml").write_text(written)
    rubric = load_rubric(tmp_path / "rubric.yaml")
    rubric.save(tmp_path / "saved.yaml")
    assert (tmp_path / "saved.yaml").read_text() == "version: 1\n" + written
    assert load_rubric(tmp_path / "saved.yaml") == rubric
