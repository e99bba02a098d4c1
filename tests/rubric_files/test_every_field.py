"""Every field and every alias of every kind, set in a file: read, or refused at its line, and never a traceback."""

import json

import pytest

from rl_rewards import aggregates, load_rubric, parsers, scorers
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.rubric_files.locations import TABLES, aliases_of, option_names
from rl_rewards.rubric_files.schema import PATH

# What a kind cannot do without.
REQUIRED = {
    "function": {"path": "builtins:len"},
    "python_reward": {"snippet": "def evaluate(example, response): return 1.0"},
    "cosine_length": {"right": {"string_match": "x"}, "max_tokens": 10},
    "judge": {"model": {"name": "m"}, "reference": "answer"},
    "pairwise_judge": {"model": {"name": "m"}, "against": "answer"},
    "group_judge": {"model": {"name": "m"}},
    "score_model": {"model": {"name": "m"}, "input": [{"role": "user", "content": "x"}]},
    "label_model": {"model": {"name": "m"}, "input": [{"role": "user", "content": "x"}], "labels": ["a", "b"], "passing_labels": ["a"]},
    "python_grader": {"source": "def grade(sample, item): return 1.0"},
    "remote_reward_model": {"url": "http://127.0.0.1:1", "model": "m"},
}
VALUES = [1, 2.5, True, "answer", "float32", ["a", "b"], {"a": 1}, "{string_match: x}"]
FIELDS = [
    (kinds, kind, name) for kinds in TABLES for kind in kinds.table for name in [*option_names(kinds.load(kind)), *aliases_of(kinds.load(kind))]
]


@pytest.mark.parametrize(("kinds", "kind", "name"), FIELDS, ids=[f"{kind}.{name}" for _, kind, name in FIELDS])
def test_a_field_of_any_value_is_read_or_refused_at_its_line(tmp_path, kinds, kind, name):
    path = tmp_path / "rubric.yaml"
    for value in VALUES:
        spec = json.dumps({kind: {**REQUIRED.get(kind, {}), name: value}})
        reward = f"parse: {spec}\n  score: {{string_match: x}}" if kinds is parsers.KINDS else f"parse: identity\n  score: {spec}"
        if kinds is aggregates.KINDS:
            reward = "score: {string_match: x}\naggregates:\n- " + json.dumps({kind: {"reward": "r", name: value}})
        path.write_text(f"rewards:\n- name: r\n  {reward}\n")
        try:
            load_rubric(path)
        except RubricFileError as error:
            assert all(problem.line >= 2 and problem.message for problem in error.problems)


BESIDE_AN_ALIAS = {"cosine_similarity": {"model": "./model", "reference": "answer"}, "text_similarity": {"reference": "answer"}}
ALIASES = [
    (kinds, kind, alias, name)
    for kinds in (parsers.KINDS, scorers.KINDS)
    for kind in kinds.table
    for alias, name in aliases_of(kinds.load(kind)).items()
]


@pytest.mark.parametrize(("kinds", "kind", "alias", "name"), ALIASES, ids=[f"{kind}.{alias}" for _, kind, alias, _ in ALIASES])
def test_an_alias_is_its_option_for_reader_and_editor(tmp_path, kinds, kind, alias, name):
    schema = json.loads(PATH.read_text())["$defs"][f"{kinds.noun}.{kind}"]["properties"]
    assert schema[alias] == schema[name]
    path = tmp_path / "rubric.yaml"
    others, values = BESIDE_AN_ALIAS.get(kind, {"model": "./model"}), {"metric": ("bleu", "rouge_l")}.get(name, ("float32", "bfloat16"))
    for value in values:
        path.write_text(f"rewards: [{{name: r, score: {json.dumps({kind: {**others, alias: value}})}}}]")
        assert getattr(load_rubric(path)["r"].score, name) == value
    path.write_text(f"rewards:\n- name: r\n  score:\n    {kind}:\n      {alias}: 3\n")
    with pytest.raises(RubricFileError) as raised:
        load_rubric(path)
    assert [problem.line for problem in raised.value.problems if problem.field.endswith(alias)] == [5]
