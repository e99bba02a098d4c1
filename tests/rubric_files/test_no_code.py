"""A rubric file is code; without code it may name what is installed, and nothing else."""

import os
import subprocess
import sys

import pytest

from rl_rewards import load_rubric
from rl_rewards.rubric_files import RubricFileError

REFUSED = {
    "a function of a module": "{function: subprocess:getoutput}",
    "a function with arguments": "{function: {path: subprocess:getoutput, args: {cmd: touch ran}}}",
    "a file": "{function: side.py:mine}",
    "a class": "{side:Mine: {}}",
    "a class in a file": "{side.py:Mine: {}}",
    "a function within another scorer": "{cosine_length: {right: {function: side.py:mine}, max_tokens: 9}}",
    "code of a checkpoint": "{reward_model: {model: x, trust_remote_code: true}}",
    "code of an embedding model": "{cosine_similarity: {reference: answer, model: x, trust_remote_code: true}}",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "side.py").write_text("open('ran', 'w').close()\ndef mine(response): return 1.0\nclass Mine: pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("score", REFUSED.values(), ids=REFUSED)
def test_without_code_what_a_file_names_is_refused_and_not_run(place, score):
    (place / "rubric.yaml").write_text(f"rewards:\n- name: r\n  score: {score}\n")
    with pytest.raises(RubricFileError, match="must not be run here"):
        load_rubric("rubric.yaml", code=False)
    assert not (place / "ran").exists()


def test_without_code_a_parser_of_somebody_is_refused_too(place):
    (place / "rubric.yaml").write_text("rewards:\n- name: r\n  parse: side:Mine\n  score: {string_match: x}\n")
    with pytest.raises(RubricFileError, match="must not be run here"):
        load_rubric("rubric.yaml", code=False)
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    "score", ["{string_match: answer}", '{python_reward: "def evaluate(example, response): return 1.0"}', "{python_tests: tests}"]
)
def test_without_code_kinds_and_sandboxed_snippets_stay(place, score):
    (place / "rubric.yaml").write_text(f"rewards: [{{name: r, score: {score}}}]")
    assert load_rubric("rubric.yaml", code=False) == load_rubric("rubric.yaml")


def test_with_code_it_runs(place):
    (place / "rubric.yaml").write_text("rewards: [{name: r, score: {function: side.py:mine}}]")
    assert load_rubric("rubric.yaml")["r"].name == "r" and (place / "ran").exists()


@pytest.mark.parametrize("make", ["mkfifo rubric.yaml", "ln -s /dev/zero rubric.yaml", "mkdir rubric.yaml", "truncate -s 100M rubric.yaml"])
def test_what_is_no_file_of_a_rubrics_size_is_a_line(place, make):
    subprocess.run(make.split(), check=True)
    command = [sys.executable, "-m", "rl_rewards.cli", "validate", "rubric.yaml"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert told.returncode == 2 and told.stderr.startswith("error: rubric.yaml:") and len(told.stderr.splitlines()) == 1
