"""Folders and rubrics with everything that a deployment could forget."""

import pytest
from evaluator_service import fireworks  # noqa: F401

MAIN = """
from pathlib import Path
from typing import List

from reward_kit import EvaluateResult, Message, MetricResult, reward_function

from scoring import overlap

STOP = set((Path(__file__).parent / "data" / "stop.txt").read_text().split())


@reward_function(requirements=["httpx>=0.20"])
def evaluate(messages: List[Message], original_messages: List[Message] = list(), **kwargs) -> EvaluateResult:
    score = overlap(messages[0].content, messages[-1].content, STOP)
    return EvaluateResult(score=score, reason="overlap", metrics={"overlap": MetricResult(score=score, reason="r", is_score_valid=True)})
"""
SCORING = """
def overlap(question, answer, stop):
    asked = set(question.lower().split()) - stop
    return len(asked & set(answer.lower().split())) / len(asked)
"""


@pytest.fixture
def relevance(tmp_path):
    """A metric folder with a helper, data and requirements; its score of ROW is 1/2."""
    folder = tmp_path / "metrics" / "relevance"
    (folder / "data").mkdir(parents=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "scoring.py").write_text(SCORING)
    (folder / "data" / "stop.txt").write_text("is a the\n")
    (folder / "requirements.txt").write_text("numpy>=1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.pyc").write_bytes(b"\0")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory with a rubric whose rewards need a module beside it, a package, a prompt file and a metric folder."""
    place = tmp_path / "project"
    rubric = place / "rubrics"
    (place / "helpers").mkdir(parents=True)
    rubric.mkdir()
    (place / "helpers" / "__init__.py").write_text("")
    (place / "helpers" / "words.py").write_text("LIMIT = 20\n")
    (place / "helpers" / "table.csv").write_text("a,b\n")
    (place / "unrelated.py").write_text("raise SystemExit\n")
    (rubric / "brief.py").write_text(
        "from pathlib import Path\n\nTEXT = (Path(__file__).parent / 'prompts' / 'judge.txt').read_text()\n\n\n"
        "def brief(response, **columns):\n    from helpers.words import LIMIT\n\n    return float(len(response) < LIMIT)\n"
    )
    (rubric / "prompts").mkdir()
    (rubric / "prompts" / "judge.txt").write_text("Be strict.\n")
    (rubric / "correct").mkdir()
    (rubric / "correct" / "main.py").write_text("def evaluate(messages, answer='', **kwargs):\n    return float(answer in messages[-1]['content'])\n")
    (rubric / "rubric.yaml").write_text(
        "rewards:\n"
        "  - {name: brief, score: {function: 'brief.py:brief'}, weight: 0.5}\n"
        "  - {name: correct, score: {metric_folder: correct}}\n"
        "  - {name: exact, parse: {tag: answer}, score: {string_match: answer}}\n"
    )
    monkeypatch.chdir(place)
    return place
