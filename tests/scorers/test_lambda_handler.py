"""A Lambda handler of the user's own as a scorer, and Bedrock's form of scored rows."""

import json
import pickle

import pytest

from rl_rewards import Outcome, Reward, Rubric, Sample, load_rubric
from rl_rewards.formats.bedrock import scored
from rl_rewards.loading import relative_to
from rl_rewards.scorers import LambdaHandler

HANDLER = """
import json

EVENTS = []

def grade(each):
    reference = each.get("metadata", {}).get("reference_answer") or each.get("reference_answer")
    right = each["messages"][-1]["content"] == reference["answer"]
    metrics = [{"name": "right", "value": float(right), "type": "Reward"}, {"name": "length", "value": len(each["messages"][-1]["content"]), "type": "Metric"}]
    return {"id": each["id"], "aggregate_reward_score": 1.0 if right else 0.25, "metrics_list": metrics}

def lambda_handler(event, context):
    EVENTS.append(event)
    return [grade(each) for each in reversed(event)]

def enveloped(event, context):
    return {"statusCode": 200, "body": json.dumps([grade(each) for each in event["batch"]])}

def strange(event, context):
    texts = [each["messages"][-1]["content"] for each in event]
    return [{"id": str(i), "aggregate_reward_score": json.loads(text)} for i, text in enumerate(texts) if text != "missing"]

def says_errors(event, context):
    return [{"id": str(i), "aggregate_reward_score": 0.0, "error": each["messages"][-1]["content"]} for i, each in enumerate(event)]

def failing(event, context):
    return {"statusCode": 500, "body": "out of memory"}

def two_of_one(event, context):
    return [{"id": "0", "aggregate_reward_score": 1.0}] * 2
"""


@pytest.fixture
def handler(tmp_path):
    (tmp_path / "my_lambda.py").write_text(HANDLER)

    def make(name, **options):
        with relative_to(tmp_path):
            return LambdaHandler(f"my_lambda.py:{name}", **options)

    return make


def evaluated(scorer, *completions, parse="identity"):
    rows = [
        {"prompt": [{"role": "user", "content": "2+2?"}], "completion": text, "answer": "4", "id": f"row-{i}"} for i, text in enumerate(completions)
    ]
    return rows, Rubric([Reward("r", scorer, parse)]).evaluate([Sample.from_row(row, i) for i, row in enumerate(rows)])


@pytest.mark.parametrize(("name", "options"), [("lambda_handler", {}), ("lambda_handler", {"event": "nova"}), ("enveloped", {"event": "batch"})])
def test_a_handler_is_called_once_with_the_batch_and_its_results_are_found_by_id(handler, name, options):
    _, evaluation = evaluated(handler(name, **options), "<a>4</a>", "<a>five</a>", "none", parse={"tag": "a"})
    found = evaluation.columns["r"].results
    assert [result.score for result in found] == [1.0, 0.25, 0.0]
    assert found[1].metrics["length"].score == 4.0 and found[2].outcome is Outcome.UNPARSED


def test_it_gets_bedrocks_list(handler):
    scorer = handler("lambda_handler")
    evaluated(scorer, "4")
    [[event]] = scorer._handler.__globals__["EVENTS"][-1:]
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    assert event == {"id": "0", "messages": messages, "metadata": {"answer": "4", "id": "row-0", "reference_answer": {"answer": "4", "id": "row-0"}}}


def test_a_result_that_is_none_is_an_error_of_its_row(handler):
    _, evaluation = evaluated(handler("strange"), "1", "missing", "null", "true", '"1"', "NaN")
    found = evaluation.columns["r"].results
    assert [result.score for result in found] == [1.0] + [None] * 5
    assert "no result for this sample" in found[1].error and "finite number, got NoneType" in found[2].error


def test_a_number_beside_an_error_is_an_error_of_its_row(handler):
    _, evaluation = evaluated(handler("says_errors"), "out of memory", "")
    assert [result.score for result in evaluation.columns["r"].results] == [None, 0.0]


def test_a_number_that_no_float_holds_costs_its_own_row(handler):
    _, evaluation = evaluated(handler("strange"), "1", "1" + "0" * 400)
    assert [result.score for result in evaluation.columns["r"].results] == [1.0, None]


@pytest.mark.parametrize(("name", "words"), [("failing", "statusCode 500"), ("two_of_one", "several of one")])
def test_a_handler_that_fails_costs_the_batch_and_scores_nothing(handler, name, words):
    _, evaluation = evaluated(handler(name), "1", "2")
    assert [result.outcome for result in evaluation.columns["r"].results] == [Outcome.ERROR] * 2
    assert words in evaluation.columns["r"].results[0].error


def test_it_is_saved_beside_its_rubric_and_travels_to_other_processes(handler, tmp_path):
    scorer = handler("lambda_handler", reference="answer")
    Rubric([Reward("r", scorer)]).save(tmp_path / "r.yaml")
    assert "my_lambda.py:lambda_handler" in (tmp_path / "r.yaml").read_text() and str(tmp_path) not in (tmp_path / "r.yaml").read_text()
    assert load_rubric(tmp_path / "r.yaml").rewards[0].score == scorer == pickle.loads(pickle.dumps(scorer))


def test_scored_rows_in_bedrocks_form_have_rewards_and_metrics(handler):
    rows, evaluation = evaluated(handler("lambda_handler"), "4", "five")
    assert next(scored(rows, evaluation)) == {
        "id": "row-0",
        "aggregate_reward_score": 1.0,
        "metrics_list": [
            {"name": "r", "value": 1.0, "type": "Reward"},
            {"name": "r/right", "value": 1.0, "type": "Metric"},
            {"name": "r/length", "value": 1.0, "type": "Metric"},
        ],
    }


def test_a_reward_of_weight_zero_is_a_metric_and_a_failed_row_has_no_aggregate():
    rubric = Rubric([Reward("a", {"number_match": "answer"}), Reward("b", {"regex_match": "4"}, weight=0.0)])
    rows = [{"prompt": "q", "completion": "4", "answer": "4"}, {"prompt": "q", "completion": "4", "answer": ""}]
    first, second = scored(rows, rubric.evaluate([Sample.from_row(row, i) for i, row in enumerate(rows)]), start=7)
    assert (first["id"], first["aggregate_reward_score"], first["metrics_list"][1]) == ("7", 1.0, {"name": "b", "value": 1.0, "type": "Metric"})
    assert second["id"] == "8" and second["aggregate_reward_score"] is None and json.dumps(second)
