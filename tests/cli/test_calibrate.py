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
