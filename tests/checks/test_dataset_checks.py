"""Datasets made anywhere, looked at before training."""

import logging
from datetime import date, datetime

import pytest

pytest.importorskip("datasets")

from datasets import Dataset

from rl_rewards import Reward, Rubric
from rl_rewards.checks import RubricDataError, check_dataset
from rl_rewards.checks import dataset as dataset_checks

TEXT = {"string_match": "answer"}
NUMBER = {"number_match": "answer"}


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(dataset_checks, "_told", set())


def of(*answers, **columns):
    return Dataset.from_list([{"prompt": "q", "answer": answer, **columns} for answer in answers])


REFUSED = [
    (TEXT, of(datetime(2024, 1, 2), datetime(2024, 1, 3)), "a datetime has no one spelling, got 2024-01-02 00:00:00"),
    ({"exact_match": "answer"}, of(date(2024, 1, 2)), "a date has no one spelling, got 2024-01-02"),
    ({"string_match": {"equals": "on {{references.answer}}"}}, of(date(2024, 1, 2)), "cast the column to text"),
    (NUMBER, of("one", "two"), "row 1: the reference is not a number: 'one'"),
    ({"math_verify": "answer"}, of(" ", ""), "is empty"),
    ({"multiple_choice": "answer"}, of("E", "F"), "of ABCD"),
    ({"json_match": "answer"}, of("x"), "not a JSON object"),
    ({"regex_match": {"pattern": "{{references.answer}}", "escape": False}}, of("(", "["), "makes no pattern"),
    ({"python_tests": "answer"}, of("", "  "), "is empty"),
    ({"cosine_length": {"right": NUMBER, "max_tokens": 9}}, of("one"), "the reference is not a number"),
    (TEXT, of({"a": 1}), "found a dict"),
]


@pytest.mark.parametrize(("score", "dataset", "message"), REFUSED)
def test_references_that_no_row_can_use_are_refused(score, dataset, message):
    with pytest.raises(RubricDataError, match="reward 'r' cannot use the reference of any row") as refused:
        check_dataset(Rubric((Reward("r", score),)), dataset)
    assert message in str(refused.value)


WARNED = [
    (TEXT, of(12.0, None, 7.0), ["cannot use the reference of 1 of 3 rows; the first: row 2", "column 'answer' has whole numbers as floats"]),
    (TEXT, of(12.0, 7.0), ["column 'answer' has whole numbers as floats"]),
    (TEXT, of(12.0, 0.5), []),
    (TEXT, of(12, 7), []),
    (TEXT, of("12.0", "7.0"), []),
    (NUMBER, of("1", "x", "2"), ["cannot use the reference of 1 of 3 rows; the first: row 2: the reference is not a number: 'x'"]),
]


@pytest.mark.parametrize(("score", "dataset", "messages"), WARNED)
def test_references_that_some_rows_cannot_use_are_told_once(score, dataset, messages, caplog):
    rubric = Rubric((Reward("r", score),))
    for _ in range(3):
        check_dataset(rubric, dataset)
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == len(messages) and all(message in line for message, line in zip(messages, told))


def test_rows_that_a_reward_does_not_apply_to_are_not_read():
    rubric = Rubric((Reward("a", NUMBER, when={"task": "sum"}), Reward("b", TEXT, when={"task": "word"})))
    rows = [{"prompt": "q", "answer": "1", "task": "sum"}, {"prompt": "q", "answer": "one", "task": "word"}]
    check_dataset(rubric, Dataset.from_list(rows))


def test_a_few_unusable_rows_among_those_looked_at_of_a_large_dataset_refuse_nothing(caplog):
    rows = [{"prompt": "q", "answer": "1", "task": "sum"}] * 5000
    rows[0] = {"prompt": "q", "answer": "one", "task": "rare"}
    rubric = Rubric((Reward("a", NUMBER, when={"task": "sum"}), Reward("b", NUMBER, when={"task": "rare"})))
    check_dataset(rubric, Dataset.from_list(rows))
    assert "reward 'b' cannot use the reference of 1 of 1 row" in caplog.text


@pytest.mark.parametrize("form", ["torch", "numpy"])
def test_a_formatted_dataset_is_read_as_it_is_stored(form):
    check_dataset(Rubric((Reward("r", TEXT),)), of(1, 2).with_format(form))
    check_dataset(Rubric((Reward("r", NUMBER),)), of("1", "2").with_format(form))


def test_prompts_of_several_shapes_are_refused():
    with pytest.raises(RubricDataError, match="every row must have a prompt"):
        check_dataset(Rubric((Reward("r", TEXT),)), Dataset.from_list([{"prompt": None, "answer": "1"}]))
