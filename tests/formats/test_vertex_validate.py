"""validate_reward answers what the service's rules say, in its shape, and never raises."""

import json

import pytest
import yaml
from google.genai import types

from rl_rewards import load_rubric
from rl_rewards.formats.reading import snake
from rl_rewards.formats.vertex import validate_reward
from tests.formats.vertex_cases import ANS, EXAMPLE, cloud_run, code, composite, said, string

EXACT, PARTIAL, REGEX = "EXACT_MATCH", "PARTIAL_MATCH", "REGEX_CONTAINS"


def reward(config, *texts, example=EXAMPLE):
    """The reward of a response, or the error's message."""
    answer = validate_reward(config, example, said(*texts))
    [detail] = answer["rewardInfoDetails"].values()
    assert detail["reward"] == answer["overallReward"]
    assert (detail["errorStatus"] is None) == (answer["errorStatus"] is None) == (detail["reward"] is not None)
    return detail["reward"] if answer["errorStatus"] is None else detail["errorStatus"]["message"]


MATCHES = [
    # equality: no trimming, no folding of case
    (string(EXACT, "Paris"), "Paris", 1),
    (string(EXACT, "Paris"), "Paris\n", -1),
    (string(EXACT, "Paris"), "paris", -1),
    (string(EXACT, "{{references.answer}}"), "Paris", 1),
    (string(EXACT, "In {{references.answer}}."), "In Paris.", 1),
    # substring of the response, not the other way round
    (string(PARTIAL, "{{references.answer}}"), "It is Paris, I think.", 1),
    (string(PARTIAL, "It is Paris"), "Paris", -1),
    # RE2, anywhere; references are plain text: not escaped, not grouped
    (string(REGEX, "^P\\w+s$"), "Paris", 1),
    (string(REGEX, "^P\\w+s$"), "Paris\n", -1),
    (string(REGEX, ".*{{references.answer}}.*"), "so Paris it is", 1),
    (string(REGEX, "^{{references.pattern}}$"), "Paris", 1),
    (string(REGEX, "{{references.sum}}"), "1+1=2", -1),
    (string(REGEX, "{{references.sum}}"), "11=2", 1),
    (string(REGEX, "^{{references.two}}$"), "axx", 1),
    (string(REGEX, "^{{references.two}}$"), "xxb", 1),
    (string(REGEX, "^{{references.two}}$"), "xbx", -1),
    (string(REGEX, "a.b"), "a\nb", -1),
    (string(REGEX, "(?s)a.b"), "a\nb", 1),
    (string(REGEX, "\\d"), "٣", -1),
    # the last match, one group or none
    (string(EXACT, "Paris", extract=ANS), "<ans>Rome</ans> no, <ans>Paris</ans>", 1),
    (string(EXACT, "Rome", extract=ANS), "<ans>Rome</ans> no, <ans>Paris</ans>", -1),
    (string(EXACT, "34", extract="\\d+"), "12 and 34 apples", 1),
    (string(EXACT, "12", extract="\\d*"), "a12", 1),
    (string(EXACT, "x", extract="(?:a|b)(x)"), "ax bx", 1),
    (string(EXACT, "x", extract="a(x)?"), "ax a", -1),  # the group takes no part in the last match
    (string(EXACT, "Paris", extract=ANS), "Paris", -1),  # no match
    (string(EXACT, "Paris", extract=".*" + ANS), "<ans>Paris</ans>", 1),
    (string(EXACT, "a\nb", extract="(?s)<ans>(.*?)</ans>"), "<ans>a\nb</ans>", 1),
    (string(EXACT, "a\nb", extract=ANS), "<ans>a\nb</ans>", -1),
    (string(PARTIAL, "é", extract="."), "né", 1),
    (string(EXACT, "Paris") | {"parseResponseConfig": {"parseType": "IDENTITY", "regexExtractExpression": ""}}, "Paris", 1),
    # a field of the JSON object that the response is
    (string(EXACT, "{{references.answer}}", key="city"), '{"city": "Paris", "why": {}}', 1),
    (string(EXACT, "Paris", key="city"), '{"city": "Rome"}', -1),
    (string(EXACT, "Paris", key="city"), '{"in": {"city": "Paris"}}', -1),  # first level
    (string(EXACT, "Paris", key="in.city"), '{"in": {"city": "Paris"}}', -1),
    (string(EXACT, "Paris", key="in.city"), '{"in.city": "Paris"}', 1),
    (string(REGEX, "^P", key="city"), '{"city": "Paris"}', 1),
    (string(PARTIAL, "ari", key="city", extract=ANS), '<ans>{"city": "Paris"}</ans>', 1),
    # left open by Google, decided here: what is not there is a wrong answer; numbers and truth values are compared as they are written
    (string(EXACT, "Paris", key="city"), "Paris", -1),
    (string(EXACT, "Paris", key="city"), '{"city": "Paris"', -1),
    (string(EXACT, "Paris", key="city"), 'Here: {"city": "Paris"}', -1),
    (string(EXACT, "Paris", key="city"), '["Paris"]', -1),
    (string(EXACT, "null", key="city"), '{"city": null}', -1),
    (string(EXACT, "Paris", key="city"), '{"city": ["Paris"]}', -1),
    (string(EXACT, "42", key="n"), '{"n": 42}', 1),
    (string(EXACT, "1.5", key="n"), '{"n": 1.50}', -1),
    (string(EXACT, "1.50", key="n"), '{"n": 1.50}', 1),
    (string(EXACT, "true", key="n"), '{"n": true}', 1),
    (string(EXACT, "NaN", key="n"), '{"n": NaN}', -1),
    # rewards are clipped to [-1, 1]
    (string(EXACT, "Paris", correct=5.0, wrong=-0.5), "Paris", 1),
    (string(EXACT, "Paris", correct=0.5, wrong=-7.0), "Rome", -1),
    (string(EXACT, "Paris", correct=0.25, wrong=0.0), "Paris", 0.25),
    (string(EXACT, "Paris", correct=1e300), "Paris", 1),
    (code("return -1e300"), "", -1),
    (code("return 3"), "", 1),
    (code("return -2.5"), "", -1),
    (code("return True"), "", 1),
    # a snippet sees the example and the parsed response as the service hands them over
    (code("return 0.5 if response['parts'][0]['text'] == example['references']['answer'] else -0.5"), "Paris", 0.5),
    (code("return len(response['parts'][0]['text']) / 10", extract=ANS), "<ans>abc</ans>", 0.3),
    (code("return 1.0 if example['systemInstruction']['parts'][0]['text'] == 'Be brief.' else 0.0"), "x", 1),
    (code("return float(example['contents'][0]['role'] == 'user' and response['role'] == 'model')"), "x", 1),
    (code("import statistics, math\nreturn statistics.mean([0.1, 0.3])"), "x", 0.2),
    (code("return 1.0", extract=ANS), "no tag", -1),  # no match, and no reward for wrong answers: the lowest of Vertex AI
]


@pytest.mark.parametrize(("config", "text", "expected"), MATCHES)
def test_a_response_has_the_reward_that_the_rules_give(config, text, expected):
    assert reward(config, text) == pytest.approx(expected)


ERRORS = [
    (string(EXACT, "{{references.absent}}"), "x", "no reference 'absent'"),
    (string(PARTIAL, "a {{references.absent}}"), "x", "no reference 'absent'"),
    (string(REGEX, "({{references.open}}"[1:] + "x"), "x", "no reference 'open'"),
    (code("return 'high'"), "x", "finite number"),
    (code("return float('nan')"), "x", "finite number"),
    (code("return None"), "x", "finite number"),
    (code("return 1 / 0"), "x", "ZeroDivisionError"),
    (code("import socket\nsocket.create_connection(('127.0.0.1', 9))"), "x", "evaluate"),
]


@pytest.mark.parametrize(("config", "text", "words"), ERRORS)
def test_what_is_no_fault_of_the_response_is_an_error_and_no_score(config, text, words):
    assert words in reward(config, text)


def test_a_reference_that_makes_no_pattern_is_an_error():
    example = {**EXAMPLE, "references": {"open": "(x"}}
    assert "makes no pattern" in reward(string(REGEX, "{{references.open}}"), "(x", example=example)


def test_a_composite_is_the_weighted_mean_of_the_clipped_rewards():
    config = composite((string(EXACT, "Paris", "a"), 3), (code("return -9", "b"), 1), (string(EXACT, "Rome", "c", 1, 0.5), 0.5))
    answer = validate_reward(config, EXAMPLE, said("Paris"))
    assert {name: detail["reward"] for name, detail in answer["rewardInfoDetails"].items()} == {"a": 1, "b": -1, "c": 0.5}
    assert answer["overallReward"] == pytest.approx((3 * 1 - 1 + 0.25) / 4.5)


def test_negative_weights_count_against_and_a_weight_of_zero_not_at_all():
    config = composite((string(EXACT, "Paris", "a"), 2), (string(PARTIAL, "P", "b"), -1), (code("return 1/0", "c"), 0))
    answer = validate_reward(config, EXAMPLE, said("Paris"))
    assert answer["overallReward"] == 1.0 and answer["errorStatus"] is None
    assert answer["rewardInfoDetails"]["c"]["reward"] is None and "ZeroDivisionError" in answer["rewardInfoDetails"]["c"]["errorStatus"]["message"]


def test_a_composite_with_a_failed_reward_has_no_overall_reward():
    answer = validate_reward(composite((string(EXACT, "Paris", "a"), 1), (code("return 1/0", "b"), 1)), EXAMPLE, said("Paris"))
    assert answer["overallReward"] is None and "'b'" in answer["errorStatus"]["message"]
    assert answer["rewardInfoDetails"]["a"]["reward"] == 1.0


def snake_keys(value):
    if isinstance(value, dict):
        return {key if key in ("answer", "sum", "two", "pattern") else snake(key): snake_keys(item) for key, item in value.items()}
    return [snake_keys(item) for item in value] if isinstance(value, list) else value


CONFIG = composite((string("exact_match", "Paris", "a", extract=ANS), 1), (string(REGEX, "^P", "b", key="city"), 1))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        snake_keys(CONFIG),
        json.dumps(CONFIG, indent="\t"),
        yaml.safe_dump(CONFIG),
        types.CompositeReinforcementTuningRewardConfig.model_validate(CONFIG),
        json.loads(json.dumps(CONFIG).replace('"stringMatchRewardScorer"', '"codeExecutionRewardScorer": null, "stringMatchRewardScorer"')),
        {"compositeRewardConfig": CONFIG, "hyperParameters": {"epochCount": "3"}},
        {"baseModel": "gemini", "reinforcementTuningSpec": {"compositeRewardConfig": CONFIG}},
    ],
    ids=["camel", "snake", "JSON", "YAML", "SDK", "nulls", "spec", "job"],
)
def test_a_config_may_be_written_in_any_of_its_spellings(config):
    answer = validate_reward(config, EXAMPLE, said("<ans>Paris</ans>"))
    assert {name: detail["reward"] for name, detail in answer["rewardInfoDetails"].items()} == {"a": 1, "b": -1}


def test_names_stay_the_configs_own_in_the_answer_and_become_names_of_metrics_in_the_rubric(tmp_path):
    config = composite((string(EXACT, "Paris", "is it right?"), 1), (string(EXACT, "Rome", "a/b"), 1))
    answer = validate_reward(snake_keys(config), EXAMPLE, said("Paris"))
    assert {name: detail["reward"] for name, detail in answer["rewardInfoDetails"].items()} == {"is it right?": 1, "a/b": -1}
    (tmp_path / "c.json").write_text(json.dumps(config))
    assert [reward.name for reward in load_rubric(tmp_path / "c.json")] == ["is_it_right_", "a_b"]


def test_a_single_reward_without_a_name_has_one(tmp_path):
    config = {name: value for name, value in string(EXACT, "Paris").items() if name != "rewardName"}
    assert validate_reward(config, EXAMPLE, said("Paris"))["rewardInfoDetails"]["reward"]["reward"] == 1


CLOUD_RUN = [
    ((200, '{"reward": -0.5, "user_requested_aux_info": "close"}', {}), -0.5, "close", None),
    ((200, '{"reward": 7}', {}), 1.0, None, None),
    ((200, '{"reward": "NaN"}', {}), None, None, "must be a finite number, got str: 'NaN'"),
    ((200, "<html>", {}), None, None, "not JSON"),
    ((200, "", {}), None, None, "not JSON"),
    ((403, "who are you?", {}), None, None, "HTTP 403: who are you?"),
]


@pytest.mark.parametrize(("reply", "expected", "info", "words"), CLOUD_RUN)
def test_a_cloud_run_service_is_asked_and_its_info_is_passed_on(service, reply, expected, info, words):
    server = service(lambda body, n: reply)
    answer = validate_reward(cloud_run(server.url), EXAMPLE, said("Paris"))
    detail = answer["rewardInfoDetails"]["r"]
    assert (answer["overallReward"], detail["reward"], detail["userRequestedAuxInfo"]) == (expected, expected, info)
    assert (detail["errorStatus"] is None) if words is None else words in detail["errorStatus"]["message"]
    assert server.bodies[0] == {"example": EXAMPLE, "response": said("Paris"), "metadata": {"step": 0, "tuning_job_id": 0}}


def test_thoughts_are_no_part_of_the_response_and_texts_are_joined():
    response = {"parts": [{"text": "Rome?", "thought": True}, {"text": "Par"}, {"text": "is"}]}
    assert validate_reward(string(EXACT, "Paris"), EXAMPLE, response)["overallReward"] == 1


CIRCLE = {}
CIRCLE["weightedRewardConfigs"] = [CIRCLE]
BAD = [
    (None, EXAMPLE, said("x"), "config"),
    ([], EXAMPLE, said("x"), "config"),
    ("{", EXAMPLE, said("x"), "line 1"),
    ({"weight": float("nan")}, EXAMPLE, said("x"), "NaN"),
    ({"rewardName": object()}, EXAMPLE, said("x"), "plain data"),
    (CIRCLE, EXAMPLE, said("x"), "Circular"),
    (composite((string(EXACT, "x"), 1e308)), EXAMPLE, said("x"), "at most 1e+17 in size"),
    (CONFIG, None, said("x"), "'example'"),
    (CONFIG, {"contents": 3}, said("x"), "'contents' must be a list"),
    (CONFIG, {"contents": [{"role": "robot", "parts": []}]}, said("x"), "robot"),
    (CONFIG, {**EXAMPLE, "references": {"answer": 391}}, said("x"), "must be text"),
    (CONFIG, {**EXAMPLE, "reference": {}}, said("x"), "'reference'"),
    (CONFIG, EXAMPLE, None, "'response'"),
    (CONFIG, EXAMPLE, "Paris", "'response'"),
    (CONFIG, EXAMPLE, {"parts": [{"inlineData": {"mimeType": "image/png"}}]}, "inlineData"),
    (CONFIG, EXAMPLE, {"text": "Paris"}, "'text'"),
    # text that two readers would read differently
    (CONFIG, '{"contents": [], "references": {"city": "Rome", "city": "Paris"}}', said("x"), "references.city: given twice"),
    (CONFIG, '{"contents": [], "tools": NaN}', said("x"), "'example', line 1: not JSON"),
    (CONFIG, EXAMPLE, '{"parts": [{"text": "Rome"}],\n "parts": []}', "'response', line 2: parts: given twice"),
    pytest.param(CONFIG, "[" * 100_000, said("x"), "nested too deeply", id="deep"),
]


@pytest.mark.parametrize(("config", "example", "response", "words"), BAD)
def test_a_wrong_argument_is_an_error_status_and_no_exception(config, example, response, words):
    answer = validate_reward(config, example, response)
    assert answer["overallReward"] is None and answer["rewardInfoDetails"] == {}
    assert answer["errorStatus"]["code"] == 3 and words in answer["errorStatus"]["message"]


def test_the_answer_is_of_the_type_of_the_google_genai_sdk():
    answer = validate_reward(composite((string(EXACT, "Paris", "a"), 1), (code("return 1/0", "b"), 0)), EXAMPLE, said("Paris"))
    status = answer.pop("errorStatus")  # the REST type has it, the SDK's class of this version not yet
    assert status is None
    read = types.ValidateRewardResponse.model_validate(answer)
    assert read.overall_reward == 1.0 and read.reward_info_details["b"].error_status.code == 13
