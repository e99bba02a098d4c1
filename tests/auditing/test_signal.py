"""What a policy's responses say of the signal, and the audit's command."""

import json
import random

import pytest
from typer.testing import CliRunner

from rl_rewards.auditing import audit
from rl_rewards.auditing.measures import auc, clopper_pearson, wilson
from rl_rewards.auditing.signal import useful_groups
from rl_rewards.cli import app

RUBRIC = "rewards:\n  - {name: correct, weight: 0.5, parse: {tag: answer}, score: {string_match: answer}}\n  - {name: format, weight: 1.0, score: think_answer_format}\n"
ROWS = [{"prompt": f"What is {a} + {a}?", "answer": str(2 * a)} for a in range(11, 23)]


def responses(rows, share_right, share_form, seed=0):
    chance = random.Random(seed)
    for row in rows:
        for _ in range(8):
            answer = row["answer"] if chance.random() < share_right else "7"
            text = f"<answer>{answer}</answer>"
            yield {**row, "completion": f"<think>so</think>{text}" if chance.random() < share_form else text}


def test_form_that_drives_the_advantage_is_said(tmp_path):
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    report = audit(str(tmp_path / "rubric.yaml"), ROWS, list(responses(ROWS, 0.5, 0.5)))
    signal = report.facts["signal"]
    assert "form_drives_advantage" in {finding.kind for finding in report.findings}
    assert sum(signal["variance_share"].values()) == pytest.approx(1, abs=1e-3) and signal["variance_share"]["format"] > 0.5
    assert signal["useful_groups"]["4"] < signal["useful_groups"]["8"]


def test_groups_without_spread_are_told_apart(tmp_path):
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    said = [*responses(ROWS[:3], 1, 1), *responses(ROWS[3:10], 0, 0), *responses(ROWS[10:], 0.5, 1)]
    flat = audit(str(tmp_path / "rubric.yaml"), ROWS, said).facts["signal"]["flat_groups"]
    assert flat["all_right"] == pytest.approx(3 / 12) and flat["all_wrong"] == pytest.approx(7 / 12)


def test_responses_that_all_earn_the_same_are_no_signal(tmp_path):
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    report = audit(str(tmp_path / "rubric.yaml"), ROWS, list(responses(ROWS, 0, 0)))
    assert "no_signal" in {finding.kind for finding in report.at_least("error")}


@pytest.mark.parametrize(
    ("group", "size", "expected"), [([0.0, 1.0], 2, 1.0), ([0.0] * 4, 2, 0.0), ([0.0, 0.0, 1.0, 1.0], 2, 4 / 6), ([0.0, 1.0], 4, 1 - 2 * 0.5**4)]
)
def test_useful_groups_are_expected_without_bias(group, size, expected):
    assert useful_groups([group], size) == pytest.approx(expected)


def test_intervals_are_those_of_the_books():
    assert wilson(95, 100) == pytest.approx((0.8882, 0.9785), abs=1e-4)
    assert clopper_pearson(0, 150) == pytest.approx((0.0, 0.0243), abs=1e-4) and clopper_pearson(95, 100) == pytest.approx((0.8872, 0.9836), abs=1e-4)
    assert auc([1, 1], [0, 0])[0] == 1.0 and auc([0, 1], [0, 1])[0] == 0.5


@pytest.mark.parametrize(
    ("score", "options", "status"),
    [
        ("answer", [], 0),
        ("{contains: '{{references.answer}}'}", [], 1),
        ("{contains: '{{references.answer}}'}", ["--fail-on", "never"], 0),
        ("answer", ["--fail-on", "always"], 2),
    ],
)
def test_the_command_ends_with_its_status(score, options, status, tmp_path):
    (tmp_path / "rubric.yaml").write_text(f"rewards: [{{name: correct, parse: {{tag: answer}}, score: {{string_match: {score}}}}}]")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    result = CliRunner().invoke(app, ["audit", str(tmp_path / "rubric.yaml"), "--data", str(tmp_path / "rows.jsonl"), "--json", *options])
    assert result.exit_code == status
    if status != 2:
        assert json.loads(result.stdout)["facts"]["rows"] == len(ROWS)
