"""Servers as users start them: the command, in a process of its own, on a free port of loopback."""

import pytest
from running_server import Server

from tests.browser import browser  # noqa: F401  (a fixture)

RUBRIC = """
rewards:
  - name: correct
    parse: {tag: answer}
    score: {number_match: answer}
  - name: brief
    score: {length_window: {min_tokens: 1, max_tokens: 50, unit: words}}
    weight: 0.5
"""
FUNCTIONS = """
import threading, time
from pathlib import Path
from rl_rewards import EvaluateResult, reward_function

@reward_function
def slow(response: str, **columns) -> float:
    deadline = time.monotonic() + 300
    while "hang" in response and not Path(columns["release"]).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return float(len(response))

@reward_function
def broken(response: str) -> float:
    if "fail" in response:
        raise ConnectionError("the database is away")
    return 1.0

@reward_function(mode="batch")
def batched(response: list[str]) -> list[EvaluateResult]:
    return [EvaluateResult(float(text), metrics={"rows": float(len(response))}) for text in response]
"""


@pytest.fixture(scope="session")
def rubrics(tmp_path_factory):
    """A directory with the rubrics of these tests."""
    home = tmp_path_factory.mktemp("serving")
    (home / "rewards.py").write_text(FUNCTIONS)
    (home / "sums.yaml").write_text(RUBRIC)
    for name, columns in (("slow", ", when: null"), ("broken", ""), ("batched", "")):
        (home / f"{name}.yaml").write_text(f"rewards:\n  - {{name: {name}, score: {{function: rewards.py:{name}}}{columns}}}\n")
    return home


@pytest.fixture(scope="session")
def server(rubrics):
    """A server of all of them."""
    running = Server(rubrics, "--timeout", "5", cwd=rubrics).wait()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sums(rubrics):
    """A server of one rubric."""
    running = Server(rubrics / "sums.yaml", cwd=rubrics).wait()
    yield running
    running.stop()
