"""What is wrong is said before the first generation, through the real trainer."""

import pytest

pytest.importorskip("trl")

import tiny_run
from datasets import Dataset

from rl_rewards import Reward, RewardError, Rubric, reward_function
from rl_rewards.checks import RubricDataError
from rl_rewards.recording.scorer_state import load_scorer_state, save_scorer_state

RUBRIC = Rubric((Reward("right", {"string_match": {"equals": "{{references.answer}}"}}),))


@reward_function
def must_not_run(response: str, **columns):
    raise AssertionError("a completion was scored")


NEVER = Reward("never", must_not_run, on_error="raise")


def test_a_missing_column_is_named_with_the_columns_that_exist(tmp_path):
    rubric = Rubric((*RUBRIC.rewards, NEVER))
    with pytest.raises(RubricDataError, match=r"'right' needs 'answer'.*\['gold', 'prompt'\]"):
        tiny_run.trainer(tmp_path, rubric, dataset=Dataset.from_dict({"prompt": ["a"] * 8, "gold": ["b"] * 8})).train()


def test_rows_that_no_reward_handles_are_counted(tmp_path):
    rubric = Rubric((Reward("r", NEVER.score, when={"task": "math"}),))
    with pytest.raises(RubricDataError, match=r"no reward handles task = 'maths' \(8 rows\)"):
        tiny_run.trainer(tmp_path, rubric, dataset=Dataset.from_dict({"prompt": ["a"] * 8, "task": ["maths"] * 8})).train()


def test_forgotten_weights_are_an_error(tmp_path):
    rubric = Rubric((NEVER, Reward("metric", must_not_run, weight=0)))
    with pytest.raises(RewardError, match="reward_weights"):
        tiny_run.trainer(tmp_path, rubric, reward_weights=None).train()


def test_a_refused_run_leaves_the_earlier_record_alone(tmp_path):
    kept = tmp_path / "rewards.parquet"
    kept.write_text("an earlier run")
    with pytest.raises(RewardError):
        tiny_run.trainer(tmp_path, Rubric((NEVER, Reward("metric", must_not_run, weight=0))), reward_weights=None).train()
    assert kept.read_text() == "an earlier run"


def test_the_state_of_a_scorer_comes_back_from_the_checkpoint(tmp_path, caplog):
    saved, loaded = tiny_run.rubric(), tiny_run.rubric()
    saved["letters"].score.batches = 7
    save_scorer_state(saved, tmp_path, rank=0)
    load_scorer_state(loaded, tmp_path, rank=3)  # a process more than when it was saved
    assert loaded["letters"].score.batches == 7 and not caplog.records
    (tmp_path / "scorer_state_0.pt").unlink()
    load_scorer_state(loaded, tmp_path, rank=0)
    assert "no state of reward 'letters'" in caplog.text


def test_a_rubric_without_state_leaves_nothing_in_the_checkpoint(tmp_path):
    save_scorer_state(RUBRIC, tmp_path, rank=0)
    assert list(tmp_path.iterdir()) == []
