"""What a row costs, by a sample: measured, and silent about what the run says itself."""

import json

import pytest

from rl_rewards.scale.cost import seconds_per_row
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.scale.splitting import split_of
from rl_rewards.tables.sources import open_source

FUNCTIONS = "def fails(response):\n    raise ValueError('said by the run')\n\n\ndef dies(response):\n    import os\n    os._exit(3)\n"
REWARDS = {
    "rule": "{number_match: answer}",
    "group": "{group_length: {right: {number_match: answer}, unit: characters}}",
    "fails": "{function: 'functions.py:fails'}",
    "dies": "{function: 'functions.py:dies'}",
    "server": "{http: {url: 'http://127.0.0.1:9/score'}}",
}


@pytest.mark.parametrize(("reward", "is_measured"), [("rule", True), ("group", True), ("fails", True), ("dies", False), ("server", False)])
def test_a_sample_is_measured_without_a_word_about_its_rows(reward, is_measured, tmp_path, capfd):
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "rubric.yaml").write_text(f"rewards: [{{name: r, score: {REWARDS[reward]}}}]\n")
    rows = [{"prompt": f"q{i % 10}", "completion": str(i), "answer": "4"} for i in range(40)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reference, rubric = RubricReference.of(str(tmp_path / "rubric.yaml"))
    seconds = seconds_per_row(reference, split_of(rubric), open_source(str(tmp_path / "data.jsonl")))
    assert (seconds is not None and seconds > 0) == is_measured
    assert capfd.readouterr() == ("", "")
