"""The toy task: a model that is a server of this project's own, with a known optimum."""

import pytest
from toy_server import RUBRIC, serving, toy

pytest.importorskip("openai")

from rl_rewards import load_rubric
from rl_rewards.generation import Sampling, load_model
from rl_rewards.generation.collecting import prompt_rows
from rl_rewards.generation.journal import Journal
from rl_rewards.optimizers import Split, Task
from rl_rewards.tables.readers import Row


@pytest.fixture
def server():
    """The toy server's address, and a list of one number: its requests so far."""
    with serving() as (url, numbers):
        yield url, numbers


def rows(seed):
    """36 rows in which the kinds have exactly their frequencies."""
    return prompt_rows([Row(1000 * seed + number, 1, values) for number, values in enumerate(toy.rows(36, seed), 1)], print)


@pytest.fixture
def split():
    return Split(rows(0), rows(1), rows(2))


@pytest.fixture
def rubric(tmp_path):
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    return load_rubric(tmp_path / "rubric.yaml")


@pytest.fixture
def task(tmp_path, rubric, server):
    """A task whose journal is in a file."""
    with Journal(tmp_path / "journal.jsonl", {}) as journal:
        yield Task(load_model("toy", base_url=server[0]), rubric, Sampling(seed=0), journal)


@pytest.fixture
def reflector(server):
    return load_model("toy-reflector", base_url=server[0])
