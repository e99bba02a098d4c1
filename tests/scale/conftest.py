"""A place with data in groups and rubrics, and the command line run in it."""

import pytest
from scale_place import MINE, RUBRIC, data
from typer.testing import CliRunner

from rl_rewards.cli import app


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "data.jsonl").write_text(data())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def score(place):
    """Runs `rl-rewards score ARGUMENTS` to its end: `score("rubric.yaml", "data.jsonl", "--out", "x.jsonl")`."""
    return lambda *arguments, **environment: CliRunner().invoke(app, ["score", *map(str, arguments)], env=environment)
