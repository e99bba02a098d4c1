"""Grader files: what is read, what is refused and where, what is written, and that reading what was written changes nothing."""

import json

import pytest
import yaml

pytest.importorskip("openai")
pytest.importorskip("rapidfuzz")

from openai.types.graders import LabelModelGrader, PythonGrader, ScoreModelGrader, StringCheckGrader, TextSimilarityGrader
from openai.types.graders.multi_grader_param import MultiGraderParam

from rl_rewards import Reward, Rubric, load_rubric
from rl_rewards.formats import ExportError, export
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.scorers import Formula, StringCheck, TextSimilarity
from rl_rewards.types import Sample

CHECK = {"type": "string_check", "name": "exact", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}", "operation": "eq"}
SIMILAR = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{ sample.output_json.city }}",
    "reference": "{{ item.meta.names[0] }}",
    "evaluation_metric": "rouge_l",
    "pass_threshold": 0.5,
}
ASK = [{"role": "system", "content": "Grade."}, {"role": "user", "content": "{{ sample.output_text }} for {{ item.answer }}"}]
SCORE = {
    "type": "score_model",
    "name": "judge",
    "input": ASK,
    "model": "o4-mini",
    "range": [0, 10],
    "sampling_params": {"seed": 1, "top_p": 0.9, "temperature": 0.5, "max_completions_tokens": 500, "reasoning_effort": "low"},
}
LABEL = {"type": "label_model", "name": "tone", "input": ASK, "model": "gpt-4.1", "labels": ["good", "bad"], "passing_labels": ["good"]}
PYTHON = {"type": "python", "name": "code", "source": "def grade(sample, item):\n    return 1.0\n", "image_tag": "2025-05-08"}
MULTI = {
    "type": "multi",
    "name": "both",
    "graders": {"exact": CHECK, "near": {**SIMILAR}, "code": PYTHON, "judge": SCORE, "tone": LABEL},
    "calculate_output": "max(exact, near) * 0.5 + min(code, judge / 10, tone) ^ 2",
}
TYPES = {
    "string_check": StringCheckGrader,
    "text_similarity": TextSimilarityGrader,
    "score_model": ScoreModelGrader,
    "label_model": LabelModelGrader,
    "python": PythonGrader,
}


def read(tmp_path, data, name="grader.json"):
    path = tmp_path / name
    path.write_text(json.dumps(data, indent=1) if name.endswith("json") else yaml.safe_dump(data, sort_keys=False))
    return load_rubric(path)


@pytest.mark.parametrize("grader", [CHECK, SIMILAR, SCORE, LABEL, PYTHON, MULTI], ids=lambda grader: grader["type"])
@pytest.mark.parametrize("name", ["grader.json", "grader.yaml"])
def test_export_after_import_is_the_grader_and_import_after_export_the_rubric(tmp_path, grader, name):
    rubric = read(tmp_path, grader, name)
    written = export(rubric, "openai")
    for one in (written, grader):  # spellings of one thing
        for each in one.get("graders", {"": one}).values():
            assert TYPES[each["type"]].model_validate(each, strict=True)
    assert written == grader
    assert read(tmp_path, written, "again.json") == rubric
    rubric.save(tmp_path / "native.yaml")
    assert load_rubric(tmp_path / "native.yaml") == rubric


def test_the_types_and_fields_are_those_of_the_sdk():
    from rl_rewards.formats.openai.graders import FIELDS

    for kind, cls in TYPES.items():
        theirs = set(cls.model_fields)
        assert theirs <= set(FIELDS[kind]), kind
        assert set(FIELDS[kind]) - theirs <= {"pass_threshold", "model"}, kind  # older versions' and Azure's; the model of cosine is ours
    assert set(FIELDS["multi"]) == set(MultiGraderParam.__annotations__)
    metrics = TextSimilarityGrader.model_fields["evaluation_metric"].annotation.__args__
    from rl_rewards.scorers.text_similarity import METRICS

    assert set(metrics) == METRICS.keys() | {"cosine"}
    assert StringCheckGrader.model_fields["operation"].annotation.__args__ == ("eq", "ne", "like", "ilike")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda grader: {"grader": grader},
        lambda grader: {"grader": grader, "item": {}, "model_sample": "x"},
        lambda grader: {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"n_epochs": 1}}},
        lambda grader: {"model": "o4-mini", "method": {"type": "reinforcement", "reinforcement": {"grader": grader}}},
    ],
)
def test_a_grader_is_found_where_the_api_has_it(tmp_path, wrap):
    assert read(tmp_path, wrap(CHECK)) == read(tmp_path, CHECK)


def test_a_multi_grader_is_its_graders_as_metrics_and_a_formula(tmp_path):
    rubric = read(
        tmp_path,
        {**MULTI, "graders": {"exact": CHECK, "near": {**SIMILAR, "input": "{{ sample.output_text }}"}}, "calculate_output": "exact + near / 2"},
    )
    assert [(reward.name, reward.weight) for reward in rubric] == [("exact", 0), ("near", 0), ("both", 1)]
    assert rubric["exact"].score == StringCheck("answer") and rubric["both"].score == Formula("exact + near / 2")
    row = {"answer": "Bern", "meta": {"names": ["Bern city"]}}
    evaluation = rubric.evaluate([Sample("q", text, text, row) for text in ("Bern", "Rome")])
    assert evaluation.totals() == pytest.approx([1 + 1 / 3, 0.0]) and rubric.columns == {"answer", "meta"}


def test_weighted_rewards_are_written_as_a_sum_and_read_as_weights(tmp_path):
    rubric = Rubric(
        [
            Reward("exact", {"string_check": "answer"}),
            Reward("near", {"text_similarity": {"reference": "answer", "metric": "bleu"}}, weight=-0.25),
            Reward("noted", {"string_check": {"text": "x", "operation": "like"}}, weight=0),
        ]
    )
    written = export(rubric, "openai")
    assert written["calculate_output"] == "1.0 * exact + -0.25 * near" and set(written["graders"]) == {"exact", "near", "noted"}
    assert read(tmp_path, written) == rubric


@pytest.mark.parametrize(
    "score",
    [
        {"string_check": "answer"},
        {"string_check": "{{references.answer}}"},
        {"string_check": {"reference": "{{ item.a.b[0] }}", "input": "{{references.x}}: {{sample.output_text}}", "operation": "ne"}},
        {"string_check": {"reference": "is {{references.meta.city}}.", "operation": "like"}},
        {"string_check": {"text": "Paris"}},
        {"text_similarity": {"reference": "answer", "metric": "rouge_2"}},
        {"text_similarity": {"reference": "{{ item.prompt }}", "evaluation_metric": "gleu", "pass_threshold": 0.5}},
        {"python_grader": PYTHON["source"]},
        {"score_model": {"model": {"name": "o4-mini"}, "input": [{"role": "user", "content": "{{references.answer}} {{ sample.output_text }}"}]}},
        {"label_model": {"model": {"name": "m", "temperature": None}, "input": ASK, "labels": ["a", "b", "c"], "passing_labels": ["c"]}},
        {"http": {"url": "https://rewards.example.com/x", "form": "openai", "timeout": 600, "retries": 3}},
    ],
    ids=str,
)
def test_import_after_export_is_the_rubric_whatever_its_spelling(tmp_path, score):
    rubric = Rubric([Reward("r", score)])
    written = export(rubric, "openai")
    assert read(tmp_path, written) == rubric and export(read(tmp_path, written), "openai") == written
    several = Rubric([Reward("r", score, weight=0), Reward("s", score, weight=0), Reward("t", {"formula": "r - s / 2"})])
    assert read(tmp_path, export(several, "openai")) == several


@pytest.mark.parametrize(
    ("reward", "reference", "operation"),
    [
        ({"equals": "{{references.answer}}", "whitespace": "exact"}, "{{ item.answer}}", "eq"),
        ({"reference": "answer", "whitespace": "exact"}, "{{ item.answer }}", "eq"),
        ({"contains": "Bern", "whitespace": "exact"}, "Bern", "like"),
        ({"contains": "bern", "whitespace": "exact", "ignore_case": True}, "bern", "ilike"),
    ],
)
def test_string_match_letter_by_letter_is_a_string_check_with_the_same_scores(tmp_path, reward, reference, operation):
    rubric = Rubric([Reward("r", {"string_match": reward})])
    written = export(rubric, "openai")
    assert (written["reference"], written["operation"]) == (reference, operation)
    samples = [Sample("q", text, text, {"answer": "Bern"}) for text in ("Bern", " Bern", "bern", "In Bern.", "")]
    assert read(tmp_path, written).evaluate(samples).totals() == rubric.evaluate(samples).totals()


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (Reward("r", {"string_match": "answer"}), "reward 'r': whitespace must be exact"),
        (Reward("r", {"string_check": "answer"}, parse={"tag": "answer"}), "parse has no form"),
        (Reward("r", {"string_check": "answer"}, clip=(0, 1)), "clip has no form"),
        (Reward("r", {"string_check": "answer"}, when={"a": 1}), "when has no form"),
        (Reward("r", {"string_check": "answer"}, on_error=0.0), "on_error has no form"),
        (Reward("r", {"string_check": "answer"}, isolate=True), "isolate has no form"),
        (Reward("r", {"string_check": {"reference": "answer", "wrong": -1}}), "option wrong has no form as a grader, got -1.0"),
        (Reward("r", {"string_check": {"reference": {"column": "answer", "parse": {"after": "####"}}}}), "that is parsed has no form"),
        (Reward("r", {"number_match": "answer"}), "NumberMatch has no form as a grader; those that have one are Http, LabelModel"),
        (Reward("r", {"python_grader": {"source": PYTHON["source"], "timeout": 3}}), "option timeout has no form"),
        (Reward("r", {"score_model": {"model": {"name": "m", "base_url": "http://localhost:1"}, "input": ASK}}), "must be one of the service's"),
        (Reward("r", {"score_model": {"model": {"name": "m"}, "input": ASK, "guard": False}}), "option guard has no form"),
    ],
)
def test_what_has_no_form_is_refused_by_name_or_asked_at_the_url(reward, message):
    with pytest.raises(ExportError, match=message):
        export(Rubric([reward]), "openai")
    assert export(Rubric([reward]), "openai", url="https://rewards.example.com/") == {
        "type": "endpoint",
        "name": "rubric",
        "url": "https://rewards.example.com/grade",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h", "https://h/grade"),
        ("https://h/a/?rubric=sums", "https://h/a/grade?rubric=sums"),
        ("http://h:8000?rubric=a", "http://h:8000/grade?rubric=a"),
    ],
)
def test_the_servers_address_may_name_one_of_its_rubrics(url, expected):
    assert export(Rubric([Reward("r", {"number_match": "answer"})]), "openai", url=url)["url"] == expected


def test_all_that_has_no_form_is_refused_at_once():
    rubric = Rubric([Reward("a-b", {"string_check": "x"}), Reward("b", {"number_match": "x"}), Reward("f", {"formula": "b * 2"})])
    with pytest.raises(ExportError) as raised:
        export(rubric, "openai")
    assert [refusal.reward for refusal in raised.value.refusals] == [None, "a-b", "b"]


BAD = [
    ({**CHECK, "operation": "equals"}, 6, "operation", "must be one of eq, ne, like, ilike, got 'equals'"),
    ({**CHECK, "operation": "neq"}, 6, "operation", "did you mean 'ne'"),
    ({**CHECK, "refrence": "x"}, 7, "refrence", "unknown field; allowed: .*did you mean 'reference'"),
    ({**CHECK, "reference": "{{ itm.answer }}"}, 5, "reference", "did you mean 'item'"),
    ({**CHECK, "input": "{{ sample.output }}"}, 4, "input", "sample has output_text"),
    ({**CHECK, "input": 3}, 4, "input", "must be text, got number 3"),
    ({**CHECK, "input": "{{ sample.output_text }"}, 4, "input", "a placeholder must end with '}}', got '{{ sample.output_text }'"),
    ({**CHECK, "reference": " "}, 5, "reference", "must not be blank"),
    ({**CHECK, "type": "string_chek"}, 2, "type", "did you mean 'string_check'"),
    ({key: value for key, value in CHECK.items() if key != "input"}, 1, "", "needs 'input'"),
    ({**SIMILAR, "evaluation_metric": "rouge_6"}, 6, "evaluation_metric", "did you mean 'rouge_"),
    ({**SIMILAR, "evaluation_metric": "cosine"}, 6, "evaluation_metric", "cosine must name its embedding model"),
    ({**SIMILAR, "model": "m"}, 1, "", "model is for metric cosine alone"),
    ({**PYTHON, "source": "def grade(x):\n  return 1"}, 4, "source", "takes two arguments, sample and item"),
    ({**PYTHON, "source": "def grade(sample, item):\n  return (1"}, 4, "source", r"does not compile: '\(' was never closed \(line 2\): 'return \(1'"),
    ({**SCORE, "range": [1]}, 15, "range", "must be two numbers"),
    ({**SCORE, "range": [1, 0]}, 15, "range", "lowest < highest"),
    ({**SCORE, "input": [{"role": "judge", "content": "x"}]}, 5, "input[0]", "user"),
    ({**SCORE, "input": [{"role": "user", "contents": "x"}]}, 5, "input[0]", "got 'contents'"),
    ({**SCORE, "input": []}, 4, "input", "at least one message"),
    ({**SCORE, "sampling_params": {"temprature": 1}}, 20, "sampling_params.temprature", "did you mean 'temperature'"),
    ({**SCORE, "sampling_params": {"temperature": -1}}, 19, "sampling_params", "greater than or equal to 0"),
    ({**SCORE, "sampling_params": {"temperature": "0"}}, 20, "sampling_params.temperature", "must be a finite number, got text '0'"),
    ({**SCORE, "sampling_params": {"max_completions_tokens": 1.5}}, 20, "sampling_params.max_completions_tokens", "must be a whole number"),
    ({**SCORE, "sampling_params": {"reasoning_effort": 3}}, 20, "sampling_params.reasoning_effort", "must be text, got number 3"),
    ({**LABEL, "passing_labels": ["fine"]}, 19, "passing_labels", "must be among the labels"),
    ({**MULTI, "graders": [CHECK]}, 4, "graders", "must be a mapping of names to graders.*got a list of 1"),
    ({**MULTI, "graders": {}}, 4, "graders", "got an empty mapping"),
    ({**MULTI, "graders": {"a b": CHECK}}, 5, "graders.a b", "a grader's key must be a name that calculate_output can use"),
    ({**MULTI, "graders": {"m": MULTI}}, 5, "graders.m", "must hold no multi grader"),
    ({**MULTI, "graders": {"exact": CHECK}, "calculate_output": "exact + nera"}, 13, "calculate_output", "must name graders of this multi grader, which are exact; got 'nera'"),
    ({**MULTI, "graders": {"exact": CHECK}, "calculate_output": "(exact"}, 13, "calculate_output", r"expected '\)' at character 7"),
    ({**MULTI, "graders": {"exact": CHECK}, "calculate_output": "1 + 1"}, 13, "calculate_output", "must name at least one reward"),
    ({**MULTI, "graders": {"exact": {**CHECK, "operation": "x"}}, "calculate_output": "exact"}, 10, "graders.exact.operation", "must be one of"),
    ({"grader": 3}, 2, "grader", "must be a mapping"),
    ({"grader": {"name": "x"}}, 2, "grader", "the type of a grader must be one of"),
]  # fmt: skip


@pytest.mark.parametrize(("grader", "line", "field", "message"), BAD)
def test_a_wrong_grader_is_refused_at_its_line_and_its_own_field(tmp_path, grader, line, field, message):
    with pytest.raises(RubricFileError, match=message) as raised:
        read(tmp_path, grader)
    assert (raised.value.problems[0].line, raised.value.problems[0].field) == (line, field), raised.value


def test_every_mistake_of_a_file_is_named(tmp_path):
    with pytest.raises(RubricFileError) as raised:
        read(tmp_path, {**MULTI, "graders": {"a": {**CHECK, "operation": "x"}, "b": {**SIMILAR, "input": "{{ x }}"}, "c": {"type": "y"}}})
    assert [problem.field for problem in raised.value.problems] == ["graders.a.operation", "graders.b.input", "graders.c.type"]


def test_the_api_references_own_example_is_refused_with_its_mistakes(tmp_path):
    # As the reference prints it: graders as a list, names that no grader has, a parenthesis that is not closed.
    grader = {
        "type": "multi",
        "name": "example",
        "graders": [{**CHECK, "name": "a"}, {**SIMILAR, "name": "b"}],
        "calculate_output": "0.5 * text + 0.5 * string)",
    }
    with pytest.raises(RubricFileError, match="got a list of 2"):
        read(tmp_path, grader)


def test_a_models_endpoint_is_that_of_the_official_client(tmp_path, monkeypatch):
    assert read(tmp_path, SCORE)["judge"].score.model.base_url == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = read(tmp_path, SCORE)["judge"].score.model
    assert (model.base_url, model.api_key_env, model.seed, model.max_tokens) == ("http://localhost:8000/v1", None, 1, 500)
    assert export(read(tmp_path, SCORE), "openai") == SCORE


def test_names_with_other_characters_become_names_of_rewards(tmp_path):
    assert [reward.name for reward in read(tmp_path, {**CHECK, "name": "Example string-check grader (v2)"})] == ["Example_string-check_grader_v2"]
    assert [reward.name for reward in read(tmp_path, {**CHECK, "name": "日本"})] == ["grader"]
    assert isinstance(read(tmp_path, {**SIMILAR, "reference": "Paris"})["near"].score, TextSimilarity)


@pytest.mark.parametrize("data", [{"type": "object", "properties": {}}, {"rewards": []}, {"name": "x"}, [], "x", {"rewardName": "x"}])
def test_what_is_no_grader_is_not_taken_for_one(tmp_path, data):
    with pytest.raises(RubricFileError) as raised:
        read(tmp_path, data)
    assert "grader" not in str(raised.value.problems)
