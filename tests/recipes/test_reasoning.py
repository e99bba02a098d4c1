"""reasoning-gym as a dataset and a scorer."""

import pytest

pytest.importorskip("reasoning_gym")

from datasets import load_dataset

from recipes import reasoning
from rl_rewards import Outcome, Sample, load_rubric
from rl_rewards.checks import check_dataset


@pytest.fixture(scope="module")
def test_set():
    return reasoning.test()


def question(row):
    return row["prompt"][-1]["content"]


def test_test_questions_are_not_in_the_train_set_nor_among_the_solved_examples(test_set):
    train = reasoning.train()
    seen = {question(row) for row in train} | {turn["content"] for row in train for turn in row["prompt"][:-1]}
    assert len(test_set) == 48
    assert not seen & {question(row) for row in test_set}


@pytest.mark.parametrize("suffix, format", [(".parquet", "parquet"), (".jsonl", "json")])
def test_right_answers_score_one_after_a_round_trip_through_a_file(test_set, tmp_path, suffix, format):
    file = str(tmp_path / f"test{suffix}")
    test_set.to_parquet(file) if format == "parquet" else test_set.to_json(file)
    for row in load_dataset(format, data_files=file, split="train", cache_dir=str(tmp_path)):
        assert reasoning.score_answer(parsed=row["answer"], task=row["task"], entry=row["entry"]).score == 1.0


@pytest.mark.parametrize("answer", ["", "x", "--", "1e999", "nan", "9" * 5000, "٣", "\0", "\ud800", "1,,2", "None"])
def test_no_answer_of_a_policy_makes_the_scorer_fail(test_set, answer):
    for task in reasoning.TASKS:
        row = next(row for row in test_set if row["task"] == task)
        assert reasoning.score_answer(parsed=answer, task=row["task"], entry=row["entry"]).score < 1.0


def test_rubric_scores_the_dataset_and_routes_metrics_by_task(test_set):
    rubric = load_rubric("recipes/rubrics/reasoning.yaml")
    check_dataset(rubric, test_set)
    rows = [test_set[0], test_set[len(test_set) - 1]]
    assert [row["task"] for row in rows] == list(reasoning.TASKS)
    result = rubric.evaluate([Sample(row["prompt"], text, text, row) for row in rows for text in (f"<answer>{row['answer']}</answer>", "7")])
    assert result.columns["correct"].scores == [1.0, 0.0, 1.0, 0.0]
    assert [r.outcome for r in result.columns["correct"].results] == [Outcome.SCORED, Outcome.UNPARSED] * 2
    assert result.columns["sums"].scores == [1.0, 0.0, None, None]
    assert result.columns["letters"].scores == [None, None, 1.0, 0.0]
