"""recipes/ppo.py: real runs of it, killed and resumed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

import pandas as pd
import torch
from safetensors.torch import load_file

from recipes import ppo
from rl_rewards import RewardError
from tests.recipes import launch

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parents[2]
REWARDS = {"correct", "format", "length", "tags", "sums", "differences"}


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def run(directory: Path, monkeypatch, **changes: object) -> Path:
    monkeypatch.setattr(sys, "argv", ["ppo.py", "--config", str(launch.config("ppo", directory, **changes))])
    ppo.main()
    return directory / "out"


def test_a_run_that_is_killed_ends_as_one_that_is_not(tmp_path, monkeypatch, capsys):
    schedule = {"max_steps": 12, "save_steps": 3, "num_iterations": 2}  # two passes over each rollout, and a checkpoint between them
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = run(tmp_path / "whole", monkeypatch, **schedule)
    assert {"rewards.parquet", "rewards.png", "model.safetensors", "critic.safetensors", "checkpoint-12"} <= {path.name for path in whole.iterdir()}
    launch.run_and_kill("ppo", launch.config("ppo", tmp_path / "killed", **schedule), 5)
    killed = run(tmp_path / "killed", monkeypatch, **schedule)
    assert f"going on from {killed}/checkpoint-" in capsys.readouterr().out
    for file in ("model.safetensors", "critic.safetensors"):
        weights = load_file(killed / file)
        for name, weight in load_file(whole / file).items():
            assert torch.allclose(weight, weights[name], rtol=1e-5, atol=1e-7), name
    records = [pd.read_parquet(out / "rewards.parquet") for out in (whole, killed)]
    assert records[0].groupby(["step", "reward"]).size().to_dict() == {(step, reward): 8 for step in range(1, 13, 2) for reward in REWARDS}
    pd.testing.assert_frame_equal(*(record[["step", "index", "reward", "score", "completion"]] for record in records))


def test_a_shared_critic_and_an_evaluation_run_from_the_same_file(tmp_path, monkeypatch, capsys):
    rows = [("Add 3 and 4.", "7", "addition"), ("Take 3 away from 4.", "1", "subtraction")] * 2
    lines = [json.dumps({"prompt": [{"role": "user", "content": text}], "answer": answer, "task": task}) for text, answer, task in rows]
    (tmp_path / "questions.jsonl").write_text("\n".join(lines))
    run(tmp_path, monkeypatch, max_steps=1, critic="shared", eval_dataset=str(tmp_path / "questions.jsonl"), per_device_eval_batch_size=8)
    printed = capsys.readouterr().out
    assert "before" in printed and "after" in printed and "correct" in printed


def test_options_that_make_no_sense_and_weights_outside_the_rubric_are_refused_before_the_model_is_loaded(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="loss_type='sapo'.*'dapo'"):
        run(tmp_path, monkeypatch, model_name_or_path="no_model", loss_type="sapo")
    with pytest.raises(RewardError, match="reward_weights are the rubric's"):
        run(tmp_path, monkeypatch, model_name_or_path="no_model", reward_weights=[1.0])


def test_the_recipe_is_grpos_with_another_trainer():
    bodies = {name: (ROOT / f"recipes/{name}.py").read_text().partition("@dataclass")[2] for name in ("grpo", "ppo")}
    assert bodies["ppo"].replace("PPOConfig", "GRPOConfig").replace("PPOTrainer", "GRPOTrainer") == bodies["grpo"]
