"""`rl-rewards calibrate`, typed as a user types it."""

from __future__ import annotations

import json

import pytest
from loopback.processes import chat_server  # noqa: F401
from typer.testing import CliRunner

from rl_rewards.cli import app

RUBRIC = """
rewards:
- name: brief
  score: {length_window: {min_tokens: 0, max_tokens: 3, unit: words}}
"""


def run(tmp_path, rows, *options, rubric=RUBRIC, labels="labels.jsonl"):
    (tmp_path / "rubric.yaml").write_text(rubric)
    (tmp_path / labels).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return CliRunner().invoke(app, ["calibrate", str(tmp_path / "rubric.yaml"), "--labels", str(tmp_path / labels), *options])


def rows(**columns):
    made = []
    for number in range(24):
        short = number % 2 == 0
        agreed = number % 8 != 0
        made.append(
            {
                "prompt": f"q{number}",
                "completion": "short" if short else "a very long answer indeed",
                "label": "yes" if short == agreed else "no",
                **columns,
            }
        )
    return made


def test_it_prints_kappa_accuracy_auc_and_the_best_threshold(tmp_path):
    result = run(tmp_path, rows(), "--resamples", "50")
    assert result.exit_code == 0, result.output
    for text in ("brief and label", "AUC", "kappa there", "accuracy there", "best threshold", "24 rows of 24 prompts"):
        assert text in result.output


def test_json_has_every_number(tmp_path):
    result = run(tmp_path, rows(), "--json", "--resamples", "50")
    (found,) = json.loads(result.stdout)["comparisons"]
    assert found["accuracy"]["value"] == pytest.approx(21 / 24) and found["threshold"] == 0.5
    assert found["kappa"]["low"] < found["kappa"]["value"] < found["kappa"]["high"]
    assert found["auc"]["value"] == pytest.approx(0.5 + 0.75 / 2, abs=0.03)


def test_a_judge_is_calibrated_and_rows_without_a_verdict_are_counted(tmp_path, chat_server):  # noqa: F811
    rubric = f"""
rewards:
- name: judged
  score:
    judge:
      model: {{name: m, base_url: "{chat_server.url()}", retries: 0}}
      criteria:
      - {{name: right, description: "Is it right?"}}
      - {{name: kind, description: "Is it kind?"}}
"""
    labelled = [{"prompt": f"q{n}", "completion": f"a {'good' if n % 3 else 'bad'} answer {n}", "label": n % 3 > 0, "tone": n % 2} for n in range(12)]
    labelled += [
        {"prompt": "q", "completion": "SAY:nothing:YAS", "label": True, "tone": 1},
        {"prompt": "q", "completion": "good", "label": None, "tone": None},
    ]
    result = run(tmp_path, labelled, "--json", "--label", "label", "--label", "judged.kind=tone", "--resamples", "20", rubric=rubric)
    assert result.exit_code == 1  # a row without a verdict
    whole, kind = json.loads(result.stdout)["comparisons"]
    assert (whole["accuracy"]["value"], whole["rows"], whole["rows_without_score"], whole["rows_without_label"]) == (1.0, 12, 1, 1)
    assert kind["score"] == "judged.kind" and kind["accuracy"]["value"] < 1


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, ["--label", "lable"], "there is no column 'lable' with labels; it has label; did you mean --label label?"),
        ({}, ["--label", "breif=label"], "a label must be of one of total, brief, or of REWARD.COMPONENT, got 'breif'; did you mean 'brief'?"),
        ({"label": "good-ish"}, [], "must be numbers, or yes and no, got 'good-ish'; name the good one with --positive"),
        ({"label": "yes"}, [], "must have both good and bad rows, got 24 rows that are all alike"),
        ({}, ["--positive", "9"], "must have both good and bad rows"),
        ({"label": None}, [], "no row has both a score of 'brief' and a label in 'label': 0 have no score, 24 no label"),
    ],
)
def test_labels_that_say_nothing_are_an_error_of_one_line(tmp_path, change, options, message):
    result = run(tmp_path, rows(**change), *options)
    assert result.exit_code == 2 and message in " ".join(result.stderr.split()), result.stderr


def test_an_empty_file_is_an_error(tmp_path):
    assert run(tmp_path, []).exit_code == 2


GROUPED = """
rewards:
- name: short
  score: {group_length: {right: {regex_match: a}, unit: characters}}
"""


def grouped_rows(key):
    """Two prompts with four completions each, of lengths that are long in one group and short in the other."""
    made = []
    for group in range(2):
        for length in range(1, 5):
            text = "a" * (length + 10 * group)
            made.append(
                {"prompt": f"q{group}", "completion": text, "label": 5 - length, "task": group} | ({"prompt_id": f"p{group}"} if key == "id" else {})
            )
    if key == "task":  # prompts that differ in each row
        made = [row | {"prompt": f"{row['prompt']} {i}"} for i, row in enumerate(made)]
    return made


@pytest.mark.parametrize(("key", "options"), [("prompt", []), ("id", []), ("task", ["--group-by", "task"])])
def test_rows_of_a_group_are_gathered_from_wherever_they_are(tmp_path, key, options):
    neighbours = grouped_rows(key)
    scattered = neighbours[::4] + neighbours[1::4] + neighbours[2::4] + neighbours[3::4]
    results = [run(tmp_path, rows, *options, "--json", "--resamples", "0", rubric=GROUPED) for rows in (neighbours, scattered)]
    assert [result.exit_code for result in results] == [0, 0], results[1].output
    first, second = (json.loads(result.stdout)["comparisons"] for result in results)
    assert first == second and first[0]["spearman"]["value"] == pytest.approx(1.0)
    assert "the rows of 2 groups by" in results[1].stderr and "not next to each other" in results[1].stderr
    assert "not next to each other" not in results[0].stderr


def test_a_column_to_group_by_that_is_not_there_is_named_and_one_that_is_not_needed_is_said(tmp_path):
    result = run(tmp_path, grouped_rows("prompt"), "--group-by", "tsk", "--resamples", "0", rubric=GROUPED)
    assert result.exit_code == 2 and "row 1: every row must have a value in column 'tsk'" in result.output and "did you mean 'task'" in result.output
    result = run(tmp_path, rows(), "--group-by", "prompt", "--resamples", "0")
    assert result.exit_code == 0 and "--group-by changes nothing" in result.stderr
