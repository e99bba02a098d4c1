"""The JSON schema that editors use says what the loader says."""

import json
from pathlib import Path

import jsonschema
import pytest

from rl_rewards import load_rubric
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.rubric_files.locations import TABLES
from rl_rewards.rubric_files.schema import PATH, schema_text
from rl_rewards.rubric_files.yaml_source import YamlSource

RUBRICS = sorted((Path(__file__).parents[2] / "recipes" / "rubrics").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json.loads(PATH.read_text()))


def accepts(text):
    return VALIDATOR.is_valid(YamlSource(text.encode(), "r.yaml").data)


def test_the_shipped_schema_is_up_to_date():
    assert PATH.read_text() == schema_text(), "write it anew: python -m rl_rewards.rubric_files.schema"


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_it_knows_every_kind_and_describes_every_field():
    definitions = VALIDATOR.schema["$defs"]
    assert {f"{kinds.noun}.{kind}" for kinds in TABLES for kind in kinds.table} < definitions.keys()
    for name, definition in {"rubric": VALIDATOR.schema, **definitions}.items():
        if "properties" in definition:
            assert definition["description"]
            assert [field for field, schema in definition["properties"].items() if not schema.get("description")] == [], name


@pytest.mark.parametrize("path", RUBRICS, ids=lambda path: path.name)
def test_the_shipped_rubrics_are_valid_and_load(path):
    VALIDATOR.validate(YamlSource(path.read_bytes(), path.name).data)
    load_rubric(path)


REWARD = "rewards:\n- name: r\n  score: {string_match: x}\n"


@pytest.mark.parametrize(
    "text",
    [
        REWARD,
        REWARD + "  parse: boxed",
        REWARD + "  parse: {boxed: }",
        REWARD + "  parse: {tag: answer}",
        REWARD + "  parse: {tag: {name: answer, strip: false}}",
        REWARD + "  parse: [{after: x}, boxed]",
        REWARD + "  clip: [0, 1.5]\n  on_error: raise\n  weight: 0\n  when: {task: [a, 1]}",
        REWARD + "  on_error: -1",
        REWARD + "max_error_rate: 0.5",
        "rewards:\n- name: r\n  score: {reward_model: {model: a/b, torch_dtype: bfloat16}}",
        "rewards:\n- name: r\n  score: {cosine_similarity: {reference: answer, model: a/b, dtype: bfloat16}}",
    ],
)
def test_the_schema_and_the_loader_accept(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    load_rubric(tmp_path / "r.yaml")
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "rewards: []",
        "rewards: {}",
        "max_error_rate: 1",
        REWARD + "  weigth: 1",
        REWARD + "  weight: '1.0'",
        REWARD + "  weight: true",
        REWARD + "  clip: [1]",
        REWARD + "  on_error: rase",
        REWARD + "  gate: {at_least: 1}",
        REWARD + "  parse: bosed",
        REWARD + "  parse: tag",
        REWARD + "  parse: {tag: 5}",
        REWARD + "  parse: {tag: {nam: a}}",
        REWARD + "  parse: {tag: a, boxed: }",
        REWARD + "  parse: {tag: {name: a, strip: 1}}",
        "rewards:\n- name: r\n  score: {string_mach: x}",
        "rewards:\n- name: r\n  score: {string_match: 4}",
        "rewards:\n- score: {string_match: x}",
        "rewards:\n- name: r\n  score: {reward_model: {model: a/b, torch_dtype: bfloat}}",
    ],
)
def test_the_schema_and_the_loader_refuse(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RubricFileError):
        load_rubric(tmp_path / "r.yaml")
    assert not accepts(text)
