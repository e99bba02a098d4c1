"""`export`, `validate --example --response` and `score --format bedrock`, as they are typed."""

import json

import pytest
from typer.testing import CliRunner

from rl_rewards import load_rubric
from rl_rewards.cli import app
from tests.formats.vertex_cases import ANS, EXAMPLE, code, composite, said, string

CONFIG = composite((string("EXACT_MATCH", "{{references.answer}}", "exact", extract=ANS), 3), (code("return 0.5", "code"), 1))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"config.json": CONFIG, "example.json": EXAMPLE, "response.json": said("<ans>Paris</ans>")}.items():
        (tmp_path / name).write_text(json.dumps(content, indent=1))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_validate_prints_the_services_answer(run):
    done = run("validate", "config.json", "--example", "example.json", "--response", "response.json")
    assert done.exit_code == 0 and json.loads(done.stdout)["overallReward"] == (3 * 1 + 0.5) / 4
    assert list(json.loads(done.stdout)) == ["overallReward", "rewardInfoDetails", "errorStatus"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", {**string("EXACT", "x")}, "config.json:7: stringMatchRewardScorer.stringMatchExpression.matchOperation"),
        ("config.json", code("return 1 / 0"), "ZeroDivisionError"),
        ("example.json", {"contents": 3}, "'contents' must be a list"),
        ("response.json", ["x"], "'response' must be an object"),
    ],
)
def test_validate_says_what_is_wrong_in_error_status_and_ends_with_1(run, tmp_path, name, content, words):
    (tmp_path / name).write_text(json.dumps(content, indent=1))
    done = run("validate", "config.json", "--example", "example.json", "--response", "response.json")
    assert done.exit_code == 1 and words in json.loads(done.stdout)["errorStatus"]["message"]


def test_validate_answers_with_the_configs_own_names_and_about_any_rubric(run, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(string("EXACT_MATCH", "x", "is it x?")))
    (tmp_path / "rubric.yaml").write_text("rewards:\n- {name: city, weight: 2, score: {string_match: {contains: Paris}}}\n")
    for name, reward, score in (("config.json", "is it x?", -1), ("rubric.yaml", "city", 1)):
        done = run("validate", name, "--example", "example.json", "--response", "response.json")
        answer = json.loads(done.stdout)
        assert done.exit_code == 0 and answer["overallReward"] == answer["rewardInfoDetails"][reward]["reward"] == score


def test_validate_needs_both_files_and_that_they_are_there(run):
    done = run("validate", "config.json", "--example", "example.json")
    assert done.exit_code == 2 and "must be given together, got --example alone" in done.stderr
    assert run("validate", "config.json", "--example", "none.json", "--response", "response.json").exit_code == 2


def test_validate_without_an_example_shows_a_config_as_a_rubric(run):
    done = run("validate", "config.json")
    assert done.exit_code == 0 and "python_reward" in done.stdout


def test_export_and_import_are_each_others_inverse_through_all_formats(run, tmp_path):
    assert run("export", "config.json", "--to", "native", "--out", "rubric.yaml").exit_code == 0
    assert run("export", "rubric.yaml", "--to", "vertex", "--out", "again.json").exit_code == 0
    assert load_rubric(tmp_path / "rubric.yaml") == load_rubric(tmp_path / "config.json") == load_rubric(tmp_path / "again.json")
    assert json.loads(run("export", "again.json", "--to", "vertex").stdout) == json.loads((tmp_path / "again.json").read_text())


def test_export_refuses_by_name_and_takes_the_address_of_a_server(run, tmp_path):
    (tmp_path / "r.yaml").write_text("rewards:\n- {name: maths, score: {math_verify: answer}}\n")
    done = run("export", "r.yaml", "--to", "vertex", "--out", "out.json")
    assert done.exit_code == 2 and "not written as vertex: reward 'maths': its scorer MathVerify has no such form" in done.stderr
    assert not (tmp_path / "out.json").exists()
    done = run("export", "r.yaml", "--to", "vertex", "--url", "https://serve.example.com/")
    assert json.loads(done.stdout)["cloudRunRewardScorer"] == {"cloudRunUri": "https://serve.example.com/?reward=maths"}


@pytest.mark.parametrize(
    ("arguments", "words"), [(("--to", "vertx"), "did you mean 'vertex'?"), (("--to", "vertex", "--url", "x"), "--url must begin")]
)
def test_export_refuses_wrong_options(run, arguments, words):
    done = run("export", "config.json", *arguments)
    assert done.exit_code == 2 and words in done.stderr


def test_score_reads_vertex_lines_and_writes_bedrocks_form(run, tmp_path):
    lines = [{**EXAMPLE, "response": said(f"<ans>{text}</ans>")} for text in ("Paris", "Rome")]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run("score", "config.json", "data.jsonl", "--out", "rows.jsonl").exit_code == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["score"] for row in rows] == [0.875, -0.625] and rows[0]["answer"] == "Paris"
    assert run("score", "config.json", "data.jsonl", "--out", "bedrock.jsonl", "--format", "bedrock").exit_code == 0
    found = [json.loads(line) for line in (tmp_path / "bedrock.jsonl").read_text().splitlines()]
    assert [each["aggregate_reward_score"] for each in found] == [0.875, -0.625]
    assert found[1]["metrics_list"] == [{"name": "exact", "value": -1.0, "type": "Reward"}, {"name": "code", "value": 0.5, "type": "Reward"}]
    assert run("score", "config.json", "data.jsonl", "--out", "x.parquet", "--format", "bedrock").exit_code == 2
    assert run("score", "config.json", "data.jsonl", "--out", "x.jsonl", "--format", "bedrok").exit_code == 2
