"""`rl-rewards report` as it is typed."""

import json
import re

import pytest
from typer.testing import CliRunner

from rl_rewards.cli import app

ROW = {"prompt": "1 + 1?", "completion": "<answer>2</answer>", "answer": "2"}
RUBRIC = "rewards:\n- {name: correct, parse: {tag: answer}, score: {number_match: answer}}\n"


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def scored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({**ROW, "completion": f"<answer>{i % 3}</answer>"}) + "\n" for i in range(8)))
    assert run("score", "rubric.yaml", "rows.jsonl", "--out", "scored.jsonl").exit_code == 0
    return tmp_path


def test_one_file_is_written_that_needs_nothing_else(scored):
    result = run("report", "scored.jsonl", "--out", "report.html")
    assert result.exit_code == 0, result.output
    page = (scored / "report.html").read_text()
    assert re.fullmatch(r"report: report\.html \(\d\.\d MB\)", result.output.strip())
    markup = re.sub(r"<script>.*?</script>", "<script>", page, flags=re.DOTALL)
    assert page.startswith("<!doctype html>") and markup.count("<script>") == 2 and not re.search(r"<(link|img|iframe)\b|<script src", markup)
    assert "8 completions to 1 prompt." in page


def test_the_page_is_report_html_where_no_name_is_given(scored):
    assert run("report", "scored.jsonl").exit_code == 0 and (scored / "report.html").is_file()


def test_a_directory_and_several_runs_are_taken(scored):
    (scored / "kept").mkdir()
    (scored / "kept" / "scored.jsonl").write_bytes((scored / "scored.jsonl").read_bytes())
    assert run("report", "kept", "scored.jsonl", "-o", "both.html").exit_code == 0
    assert "Report: kept, scored" in (scored / "both.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing argument 'RUN"),
        (["nothing"], "nothing: No such file or directory"),
        (["rows.jsonl"], "rows.jsonl:1: a scored row must have a column 'scores'"),
        (["rubric.yaml"], "the name of a data file ends in"),
        (["."], "must hold one scored file|must be a run's output directory"),
        (["scored.jsonl", "--out", "report.pdf"], "--out must be a file that ends in .html, got 'report.pdf'"),
        (["scored.jsonl", "--out", "nowhere/report.html"], "nowhere: No such directory"),
        (["scored.jsonl"] * 9, "a report must be of 1 to 8 runs, got 9"),
    ],
    ids=["none", "missing", "unscored", "no-data", "empty-directory", "no-html", "no-directory", "too-many"],
)
def test_a_wrong_call_says_what_is_wrong_and_leaves_no_file(scored, arguments, says):
    if arguments == ["."]:
        (scored / "scored.jsonl").unlink()
    result = run("report", *arguments)
    assert result.exit_code == 2 and re.search(says, result.output), result.output
    assert not list(scored.glob("*.html"))
