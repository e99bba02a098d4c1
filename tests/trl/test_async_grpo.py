"""AsyncGRPOTrainer knows no weights and scores in a spawned process: its own `_score_group` there, without a server to generate."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import pandas as pd
from trl.experimental.async_grpo import AsyncGRPOConfig
from trl.experimental.async_grpo.async_rollout_worker import AsyncRolloutWorker, _AsyncRolloutLoop

from rl_rewards import RewardError
from rl_rewards.recording.recorder import RunRecorder
from rl_rewards.trl import total_reward_function
from rl_rewards.trl.async_grpo import RubricRolloutLoop, log_components
from tests import forked
from tests.trl.async_rewards import RUBRIC, scored_or_refused


@pytest.mark.slow
def test_a_rubric_is_one_function_whose_totals_are_trained_on_and_whose_record_is_merged(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    recorder.begin(0, 0, 1)
    found = forked.call(scored_or_refused, RubricRolloutLoop, [total_reward_function(RUBRIC, record=recorder.record)])
    assert not isinstance(found, str), found
    first, second = found
    # Totals 1, -1, none and 0: the row on which the judge failed is in no baseline; the forked conversation has two training rows.
    spread = math.sqrt(2 / 3)
    advantages = [1 / spread, -1 / spread, -1 / spread, 0.0, 0.0]
    assert [advantage for advantage, _ in first] == pytest.approx(advantages, abs=1e-6)
    metrics = [numbers for _, numbers in first]
    assert [m["rewards/right"] for m in metrics] == pytest.approx([1, 0, 0, math.nan, 0], nan_ok=True)
    assert [m["rewards/penalty"] for m in metrics] == pytest.approx([0, 1, 1, math.nan, 0], nan_ok=True)
    assert [m["rewards/total"] for m in metrics] == pytest.approx([1, -1, -1, math.nan, 0], nan_ok=True)
    assert [m.get("rewards/right/components/digits") for m in metrics] == [1, 0, 0, None, 1]
    assert [m["rewards/unscorable_rate"] for m in metrics] == [0, 0, 0, 1, 0]
    assert len(second) == 5

    summary = recorder.finish()
    rows = pd.read_parquet(recorder.parquet)
    assert len(rows) == 2 * 4 * 3 and list(rows.step.unique()) == [1, 2] and set(rows["mode"]) == {"train"}
    assert list(rows[(rows.reward == "right") & (rows.step == 1)].failed) == [False, False, True, False]
    assert [reward.name for reward in summary.rewards] == ["right", "letters", "penalty"]


@pytest.mark.slow
def test_a_rubrics_separate_functions_are_refused_there_since_nobody_weighs_them():
    found = forked.call(scored_or_refused, _AsyncRolloutLoop, RUBRIC.reward_funcs)
    assert found.startswith("RewardError") and "reward_funcs=[rubric.as_reward_func()]" in found


def trainer(functions):
    """What our checks see of an AsyncGRPOTrainer: it keeps its functions in its worker. It cannot be made without a vLLM server."""
    worker = AsyncRolloutWorker.__new__(AsyncRolloutWorker)
    worker._loop_kwargs = {"reward_funcs": functions}
    args = AsyncGRPOConfig("out", use_cpu=True, bf16=False, report_to="none")
    return SimpleNamespace(rollout_worker=worker, args=args, train_dataset=None, eval_dataset=None, accelerator=SimpleNamespace(num_processes=1))


def test_they_are_refused_before_the_child_starts():
    with pytest.raises(RewardError, match=r"has no reward_weights.*'letters' 1 instead of 0.*as_reward_func"):
        RUBRIC.check(trainer(RUBRIC.reward_funcs))
    RUBRIC.check(trainer([RUBRIC.as_reward_func()]))


def test_the_workers_loop_is_ours_once_asked_for():
    ours = trainer([RUBRIC.as_reward_func()])
    log_components(ours)
    log_components(ours)
    assert ours.rollout_worker._loop_cls is RubricRolloutLoop
    with pytest.raises(TypeError, match="must be TRL's AsyncRolloutWorker, got object"):
        log_components(SimpleNamespace(rollout_worker=object()))
