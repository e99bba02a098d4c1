"""run_grader: the run endpoint's shape, its flags, and whose fault a missing value is."""

import json
import math

import pytest

pytest.importorskip("openai")
pytest.importorskip("rapidfuzz")

from openai.types.fine_tuning.alpha import GraderRunResponse
from openai.types.fine_tuning.alpha.grader_run_response import MetadataErrors
from openai.types.graders import StringCheckGrader

from rl_rewards.formats.openai import run_grader
from rl_rewards.rubric_files import RubricFileError

CHECK = {"type": "string_check", "name": "exact", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}", "operation": "eq"}
FUZZY = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "evaluation_metric": "fuzzy_match",
}
ITEM = {"answer": "Paris", "n": 0, "tools": [{"name": "weather"}]}


def python(body):
    return {"type": "python", "name": "code", "source": f"def grade(sample, item):\n    {body}"}


def multi(formula, **graders):
    return {"type": "multi", "name": "all", "graders": graders, "calculate_output": formula}


def run(grader, sample="Paris", item=None):
    answer = run_grader(grader, ITEM if item is None else item, sample)
    assert GraderRunResponse.model_validate(json.loads(json.dumps(answer)), strict=True)
    assert set(answer) == {"reward", "sub_rewards", "metadata", "model_grader_token_usage_per_model"}
    errors = {field.alias or name for name, field in MetadataErrors.model_fields.items()}
    assert set(answer["metadata"]["errors"]) == errors
    assert set(answer["metadata"]) == {"name", "type", "execution_time", "scores", "token_usage", "sampled_model_name", "errors"}
    return answer


def flags(answer):
    return {name for name, value in answer["metadata"]["errors"].items() if value is True}


@pytest.mark.parametrize(
    ("grader", "sample", "reward"),
    [
        (CHECK, {"output_text": "Paris"}, 1.0),
        (CHECK, "paris", 0.0),
        ({**CHECK, "operation": "ilike"}, "in PARIS", 1.0),
        (FUZZY, "Pari", 8 / 9),
        (python("return 0.25"), "x", 0.25),
        (python("return float(sample['output_text'] == item['answer'])"), "Paris", 1.0),
        (python("return sample['output_json']['a']"), '{"a": 0.5}', 0.5),
        (python("return sample['extra']"), {"output_text": "x", "extra": 3}, 3.0),
        (multi("0.5 * a + 0.5 * b ^ 2", a=CHECK, b=python("return 0.5")), "Paris", 0.625),
        (multi("max(a, 0.1) - 2 * b", a=CHECK, b=python("return 1")), "Rome", -1.9),
        ({**CHECK, "input": "{{ sample.output_json.city }}"}, '{"city": "Paris"}', 1.0),
        ({**CHECK, "input": "{{ sample.output_json.city }}"}, {"output_text": "", "output_json": {"city": "Paris"}}, 1.0),
    ],
)
def test_a_reward_is_run(grader, sample, reward):
    answer = run(grader, sample)
    assert answer["reward"] == pytest.approx(reward) and flags(answer) == set()
    assert (answer["metadata"]["name"], answer["metadata"]["type"]) == (grader["name"], grader["type"])


def test_tools_are_addressed_as_in_the_services_guide():
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    grader = {**CHECK, "input": "{{ item.tools[0].name }}", "reference": "{{ sample.output_tools[0].function.name }}"}
    assert run(grader, {"output_text": "", "output_tools": [call]})["reward"] == 1.0
    assert flags(run(grader, {"output_text": "none"})) == {"sample_parse_error"}
    city = {**CHECK, "reference": "Bern", "input": "{{ sample.output_tools[0].function.arguments.city }}"}
    assert run(city, {"output_text": "", "output_tools": [call]})["reward"] == 1.0


ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital?"}]


@pytest.mark.parametrize(
    ("item", "reward", "flagged"),
    [
        ({"messages": ASKED}, 1.0, set()),
        ({"messages": ASKED, "prompt": "Which?"}, 0.0, set()),  # a column of that name is what is meant
        ({"prompt": "Capital?"}, 1.0, set()),
        ({"answer": "Paris"}, 0.0, {"invalid_variable_error"}),
        ({"messages": ["Capital?"]}, 0.0, {"invalid_variable_error"}),
    ],
)
def test_a_rows_prompt_is_its_messages_and_one_that_is_not_known_is_no_empty_text(item, reward, flagged):
    answer = run({**CHECK, "input": "{{ item.prompt }}", "reference": "Capital?"}, "Paris", item)
    assert (answer["reward"], flags(answer)) == (reward, flagged)


def test_sub_rewards_are_those_of_a_multi_grader_by_key():
    answer = run(multi("a", a=CHECK, b={**FUZZY, "name": "other"}), "Pari")
    assert answer["sub_rewards"] == {"a": 0.0, "b": pytest.approx(8 / 9)} and answer["metadata"]["scores"]["b"]["outcome"] == "scored"
    assert run(CHECK)["sub_rewards"] == {}


@pytest.mark.parametrize(
    ("grader", "sample", "flag", "why"),
    [
        ({**CHECK, "reference": "{{ item.absent }}"}, "x", "invalid_variable_error", "no reference 'absent'"),
        ({**CHECK, "reference": "{{ item.answer.deep }}"}, "x", "invalid_variable_error", "there is no item.answer.deep"),
        ({**CHECK, "reference": "{{ item.tools[3].name }}!"}, "x", "invalid_variable_error", "a list of 1"),
        ({**CHECK, "input": "{{ sample.output_json.a }}"}, "no json", "sample_parse_error", "no JSON"),
        ({**CHECK, "input": "{{ sample.output_json.a }}"}, '{"b": 1}', "sample_parse_error", "an object of b"),
        ({**CHECK, "input": "{{ sample.output_json }}"}, {"output_text": None}, "sample_parse_error", "has no output_json"),
        (CHECK, {"output_text": None, "output_tools": []}, "sample_parse_error", "has no output_text"),
        ({**CHECK, "input": "{{ sample.choices[0].message.content }}"}, "x", "sample_parse_error", "has no choices"),
        (python("return 1 / 0"), "x", "python_grader_runtime_error", "ZeroDivisionError"),
        (python("return 'high'"), "x", "python_grader_runtime_error", "must return a finite number"),
        (python("return float('inf')"), "x", "python_grader_runtime_error", "must return a finite number"),
        (python("return None"), "x", "python_grader_runtime_error", "must return a finite number"),
        (multi("a +", a=CHECK), "x", "formula_parse_error", "found the end"),
        (multi("a ** 2", a=CHECK), "x", "formula_parse_error", "which is the power"),
        (multi("__import__('os').system('true')", a=CHECK), "x", "formula_parse_error", "expected one of the functions"),
        (multi("a + c", a=CHECK), "x", "invalid_variable_error", "there is no grader 'c'; there are a"),
        (multi("1 / a", a=CHECK), "x", "other_error", "the quotient of 1, 0"),
        (multi("log(a)", a=CHECK), "x", "other_error", "log of 0"),
        (multi("0 * a", a=python("return 1 / 0")), "x", "python_grader_runtime_error", "ZeroDivisionError"),
        ({**FUZZY, "evaluation_metric": "rouge_5"}, "x", "other_error", "lacks 5 words"),
    ],
)
def test_an_error_is_a_flag_with_its_reason_and_a_reward_of_zero(grader, sample, flag, why):
    answer = run(grader, sample)
    assert answer["reward"] == 0.0 and flags(answer) == {flag}
    assert any(why in str(score["reason"]) for score in answer["metadata"]["scores"].values()), answer


def test_a_failed_grader_that_the_formula_does_not_use_costs_nothing():
    answer = run(multi("a", a=CHECK, b=python("return 1 / 0")))
    assert answer["reward"] == 1.0 and flags(answer) == {"python_grader_runtime_error"} and answer["sub_rewards"] == {"a": 1.0, "b": None}
    assert "ZeroDivisionError" in answer["metadata"]["errors"]["python_grader_runtime_error_details"]


@pytest.mark.parametrize(
    ("reply", "reward", "flag"),
    [
        ('{"steps": [], "result": 7}', 7.0, None),
        ('{"result": 70}', 10.0, None),
        ('{"result": "seven or eight"}', 0.0, "model_grader_parse_error"),
        ("no verdict", 0.0, "model_grader_parse_error"),
    ],
)
def test_model_graders_are_asked_at_the_clients_endpoint(chat_server, monkeypatch, reply, reward, flag):
    monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url())
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    grader = {"type": "score_model", "name": "j", "model": "m", "range": [0, 10], "input": [{"role": "user", "content": "{{ sample.output_text }}"}]}
    answer = run(grader, f"SAY:{reply}:YAS")
    assert answer["reward"] == reward and flags(answer) == ({flag} if flag else set())
    assert answer["model_grader_token_usage_per_model"] == {"m": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}
    assert answer["metadata"]["token_usage"] == 110


def test_an_endpoint_that_is_down_is_a_server_error_with_its_text(chat_server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url("refuses"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    grader = {"type": "score_model", "name": "j", "model": "m", "input": [{"role": "user", "content": "{{ sample.output_text }}"}]}
    answer = run(grader, "an answer")
    assert flags(answer) == {"model_grader_server_error"} and "HTTP" in answer["metadata"]["errors"]["model_grader_server_error_details"]


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        ({**CHECK, "operation": "neq"}, "grader:1: operation: must be one of"),
        ({**CHECK, "type": "regex"}, "type: the type of a grader must be one of"),
        ({}, "the type of a grader"),
        ([], "must be a mapping"),
        (multi("a", a=multi("b", b=CHECK)), "graders.a: a multi grader must hold no multi grader"),
        (python("return ("), "source: the snippet does not compile"),
    ],
)
def test_a_grader_that_the_service_refuses_is_an_error_that_names_its_field(grader, message):
    with pytest.raises(RubricFileError, match=message):
        run_grader(grader, {}, "x")


@pytest.mark.parametrize(("item", "sample"), [([], "x"), ({}, 3), ({}, {"output_text": 3}), ({}, None)])
def test_arguments_of_another_form_are_refused(item, sample):
    with pytest.raises(ValueError, match="must be"):
        run_grader(CHECK, item, sample)


def test_the_sdks_own_object_and_json_text_are_graders_too():
    assert run(StringCheckGrader.model_validate(CHECK))["reward"] == 1.0 == run(json.dumps({"grader": CHECK}))["reward"]
    assert run_grader({**CHECK, "reference": "x"}, None, "x")["reward"] == 1.0
    assert not math.isnan(run(CHECK)["metadata"]["execution_time"])
