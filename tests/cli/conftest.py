"""A place with a rubric, a function and data, and the command line run in it."""

import json

import pytest
from typer.testing import CliRunner

from rl_rewards.cli import app

RUBRIC = """
rewards:
- {name: correct, parse: {tag: answer}, score: {string_match: "{{references.answer}}"}}
- {name: format, weight: 0.5, score: {regex_match: "<answer>[^<]*</answer>"}}
"""
ROWS = [
    {"prompt": "1+1?", "completion": "<answer>2</answer>", "answer": "2"},
    {"prompt": "1+2?", "completion": "<answer>4</answer>", "answer": "3"},
    {"prompt": "1+3?", "completion": "four", "answer": "4"},
]


@pytest.fixture
def write_rows(tmp_path):
    """Writes a JSONL file: `write_rows("data.jsonl", [row, ...])`; a row that is text is written as it is."""

    def write(name, rows):
        (tmp_path / name).write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))

    return write


@pytest.fixture
def place(tmp_path, write_rows, monkeypatch):
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    write_rows("data.jsonl", ROWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def run(place):
    """Runs the command line: `run("validate", "rubric.yaml")`."""
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))
