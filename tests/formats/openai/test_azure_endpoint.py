"""Azure's endpoint grader against a real service: what is sent, what becomes of replies, and where headers come from."""

import json

import pytest

pytest.importorskip("openai")

from rl_rewards import Outcome, Rubric, Sample, load_rubric
from rl_rewards.formats import ExportError, export
from rl_rewards.formats.openai import run_grader
from rl_rewards.rubric_files import RubricFileError

CALL = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def endpoint(url, **options):
    return {"type": "endpoint", "name": "mine", "url": url, **options}


def read(tmp_path, grader):
    path = tmp_path / "grader.json"
    path.write_text(json.dumps(grader))
    return load_rubric(path)


def scored(rubric: Rubric, *samples):
    return rubric.evaluate(list(samples)).columns["mine"].results


def test_the_service_gets_sample_item_and_a_trace_id(tmp_path, service):
    server = service(lambda body, n: {"score": 0.5, "more": 1})
    turns = [{"role": "assistant", "content": '{"city": "Bern"}', "tool_calls": [CALL]}]
    rubric = read(tmp_path, endpoint(server.url, pass_threshold=0.5))
    results = scored(rubric, Sample("q", turns, '<think>hm</think>{"city": "Bern"}', {"answer": "x"}), Sample("q", "text", "text", {"answer": "y"}))
    assert [result.score for result in results] == [0.5, 0.5] and results[0].metrics == {"passed": 1.0}
    first, second = sorted(server.bodies, key=lambda body: body["item"]["answer"])
    assert set(first) == {"sample", "item", "trace_id"} and first["trace_id"].startswith("trace_") and first["trace_id"] != second["trace_id"]
    assert first["sample"]["output_text"] == '{"city": "Bern"}' and first["sample"]["output_json"] == {"city": "Bern"}
    assert first["sample"]["output_tools"] == [{"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    assert first["item"] == {"answer": "x", "messages": [{"role": "user", "content": "q"}]}
    assert "output_json" not in second["sample"] and "output_tools" not in second["sample"]


@pytest.mark.parametrize(
    ("reply", "flag"),
    [
        ({"score": "NaN"}, "other_error"),
        ({"score": None}, "other_error"),
        ({"score": True}, "other_error"),
        ({}, "other_error"),
        ([0.5], "other_error"),
        ((400, "no", {}), "unresponsive_reward_error"),
        ((404, "<html>", {}), "unresponsive_reward_error"),
    ],
)
def test_a_service_that_gives_no_score_is_an_error_and_never_a_zero(tmp_path, service, reply, flag):
    server = service(lambda body, n: reply)
    [result] = scored(read(tmp_path, endpoint(server.url)), Sample("q", "a", "a", {}))
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    answer = run_grader(endpoint(server.url), {}, "a")
    assert answer["reward"] == 0.0 and [name for name, value in answer["metadata"]["errors"].items() if value] == [flag]


def test_run_grader_sends_the_given_sample(service):
    server = service(lambda body, n: {"score": len(body["sample"]["output_text"])})
    answer = run_grader(endpoint(server.url), {"a": 1}, {"output_text": "four", "extra": 3})
    assert answer["reward"] == 4.0 and server.bodies[0]["sample"] == {"output_text": "four", "extra": 3} and server.bodies[0]["item"] == {"a": 1}


def test_headers_come_from_the_environment_or_the_file_and_are_shown_nowhere(tmp_path, service, monkeypatch):
    monkeypatch.setenv("GRADER_KEY", "from-the-environment-1")
    server = service(lambda body, n: {"score": 1})
    rubric = read(tmp_path, endpoint(server.url, headers={"X-Key": "${GRADER_KEY}", "X-Other": "literal-value-2"}))
    scored(rubric, Sample("q", "a", "a", {}))
    headers = server.seen[0][1]
    assert (headers["x-key"], headers["x-other"]) == ("from-the-environment-1", "literal-value-2")
    rubric.save(tmp_path / "native.yaml")
    for text in (repr(rubric), (tmp_path / "native.yaml").read_text()):
        assert "literal-value" not in text and "from-the-environment" not in text
    assert load_rubric(tmp_path / "native.yaml")["mine"].score.headers_env == {"X-Key": "GRADER_KEY"}
    with pytest.raises(ExportError, match="written to no file"):
        export(rubric, "openai")


def test_export_after_import_is_the_grader(tmp_path):
    grader = endpoint("https://rewards.example.com/grade", headers={"X-Key": "${GRADER_KEY}"}, rate_limit=50.0, pass_threshold=0.5)
    rubric = read(tmp_path, grader)
    assert export(rubric, "openai") == grader and rubric["mine"].score.requests_per_minute == 3000
    assert read(tmp_path, export(rubric, "openai")) == rubric


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "ftp://x"}, "url: url must begin with http"),
        ({"url": "https://user:pw@x/"}, "must hold no user or password"),
        ({"url": None}, "needs 'url'"),
        ({"rate_limit": 0}, "rate_limit: must be above 0"),
        ({"headers": ["x"]}, "headers: must be a mapping of names to text"),
        ({"headers": {"X": 1}}, "headers: must be a mapping of names to text"),
        ({"timeout": 3}, "timeout: unknown field"),
    ],
)
def test_wrong_endpoints_are_refused(tmp_path, options, message):
    with pytest.raises(RubricFileError, match=message):
        read(tmp_path, {**endpoint("https://rewards.example.com/"), **options})
