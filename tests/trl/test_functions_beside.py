"""Functions beside a rubric have no score on the rows that the rubric leaves out: those rows would be trained on with the functions' scores alone."""

from __future__ import annotations

import logging
import math

import pytest

pytest.importorskip("trl")

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from rl_rewards import Reward, Rubric
from rl_rewards.recording import RunRecorder
from rl_rewards.trainers import PPOConfig, PPOTrainer
from rl_rewards.trl import RecordingCallback, reward_functions
from tests.trainers import tiny
from tests.trl.gradient import COMMON, Table
from tests.trl.loss_without_failures import plain

ROWS, GROUP, FAILS, OTHERS = 16, 4, (0, 5, 6, 13), (5, 8)
TRAINERS = {
    "GRPO": (GRPOTrainer, GRPOConfig, {"scale_rewards": "none", "num_generations": GROUP}),
    "RLOO": (RLOOTrainer, RLOOConfig, {"beta": 0.0, "num_generations": GROUP}),
    "PPO": (PPOTrainer, PPOConfig, {"critic": "none", "num_generations": 1}),
}
WARNING = "TRL trains on"


def rewards(name, fails=(), seed=1):
    return Rubric((Reward(name, Table(seed=seed, fails=frozenset(fails))),), max_error_rate=1.0)


def trained(folder, algorithm, functions, callbacks=(), steps=1, **options):
    kind, config, own = TRAINERS[algorithm]
    args = config(str(folder), **{**COMMON, **own, "per_device_train_batch_size": ROWS, "max_steps": steps, **options})
    prompts = [f"{row // 4}+1=?" for row in range(0, ROWS, own["num_generations"])]
    trainer = kind(
        tiny.policy(),
        functions,
        args,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tiny.tokenizer(),
        callbacks=list(callbacks),
    )
    trainer.train()
    return trainer


def recorded(folder, rubric):
    """A rubric's functions that are recorded, and the callback."""
    recorder = RunRecorder(folder / "record", rubric)
    return reward_functions(rubric, recorder.record), RecordingCallback(recorder)


def without(rows, logged):
    """Check that just these rows have no score."""
    assert {row for row, score in enumerate(logged) if score is None or math.isnan(score)} == set(rows)


@pytest.mark.parametrize("algorithm", TRAINERS)
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_a_plain_function_has_no_score_where_the_rubric_fails(algorithm, first, tmp_path, caplog):
    rubric = rewards("correct", FAILS)
    functions, callback = recorded(tmp_path, rubric)
    with caplog.at_level(logging.WARNING):
        trainer = trained(tmp_path, algorithm, [plain, *functions] if first else [*functions, plain], [callback])
    logs = trainer._logs
    without(FAILS, logs["rewards"]["plain"])
    assert WARNING not in caplog.text
    if algorithm == "PPO":
        without(FAILS, trainer._scores.tolist())
        return
    for start in range(0, ROWS, GROUP):
        kept = [row for row in range(start, start + GROUP) if row not in FAILS]
        totals = {row: logs["rewards"]["plain"][row] + logs["rewards"]["correct"][row] for row in kept}
        for row in range(start, start + GROUP):
            others = [total for mate, total in totals.items() if algorithm == "GRPO" or mate != row]
            expected = totals[row] - sum(others) / len(others) if row in kept else 0.0
            assert logs["advantages"][row] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("algorithm", TRAINERS)
def test_two_rubrics_leave_out_the_rows_of_each_other(algorithm, tmp_path):
    functions, callback = recorded(tmp_path, rewards("correct", FAILS))
    trainer = trained(tmp_path, algorithm, [*functions, *rewards("form", OTHERS, seed=2).reward_funcs], [callback])
    for name in ("correct", "form"):
        without({*FAILS, *OTHERS}, trainer._logs["rewards"][name])


@pytest.mark.parametrize("algorithm", ["GRPO", "RLOO"])
def test_without_a_callback_it_holds_from_the_second_batch_on_and_a_warning_says_so(algorithm, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        trainer = trained(tmp_path, algorithm, [plain, *rewards("correct", FAILS).reward_funcs], steps=2)
    without(FAILS, list(trainer._logs["rewards"]["plain"])[-ROWS:])
    assert caplog.text.count("in the first batch alone") == 1


def test_a_reward_by_itself_beside_a_plain_function(tmp_path, caplog):
    reward = Reward("correct", Table(seed=1, fails=frozenset(FAILS)))
    with caplog.at_level(logging.WARNING):
        trainer = trained(tmp_path, "PPO", [plain, reward])
    without(FAILS, trainer._logs["rewards"]["plain"])
    assert WARNING not in caplog.text


def test_a_metric_that_fails_costs_the_function_nothing(tmp_path):
    rubric = Rubric((Reward("correct", Table(seed=1)), Reward("metric", Table(seed=2, fails=frozenset(FAILS)), weight=0.0)), max_error_rate=1.0)
    functions, callback = recorded(tmp_path, rubric)
    trainer = trained(tmp_path, "GRPO", [plain, *functions], [callback], reward_weights=[1.0, 1.0, 0.0])
    without((), trainer._logs["rewards"]["plain"])


def test_rows_to_which_no_reward_applies_keep_the_functions_score(tmp_path):
    functions, callback = recorded(tmp_path, Rubric((Reward("correct", Table(seed=1, skips=frozenset(FAILS))),)))
    trainer = trained(tmp_path, "GRPO", [plain, *functions], [callback])
    without(FAILS, trainer._logs["rewards"]["correct"])
    without((), trainer._logs["rewards"]["plain"])
