"""recipes/ppo.py: a real run of it, a run that goes on, and the accelerate files for many GPUs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("trl")

import pandas as pd
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DeepSpeedPlugin, DistributedType

from recipes import ppo
from rl_rewards import RewardError

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "recipes/configs/arithmetic_ppo.yaml").read_text())
REWARDS = {"correct", "format", "length", "tags", "sums", "differences"}


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def run(directory: Path, monkeypatch, **changes: object) -> Path:
    small = {"per_device_train_batch_size": 8, "logging_steps": 1, "eval_dataset": None, "output_dir": str(directory / "out")}
    settings = {key: value for key, value in (CONFIG | small | changes).items() if value is not None}
    (directory / "config.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setattr(sys, "argv", ["ppo.py", "--config", str(directory / "config.yaml")])
    ppo.main()
    return directory / "out"


def test_run_leaves_policy_critic_and_record_and_goes_on_from_its_checkpoint(tmp_path, monkeypatch, capsys):
    out = run(tmp_path, monkeypatch, max_steps=2, save_steps=1)
    assert {"rewards.parquet", "rewards.png", "model.safetensors", "critic.safetensors", "checkpoint-2"} <= {path.name for path in out.iterdir()}
    run(tmp_path, monkeypatch, max_steps=3, save_steps=1)
    assert "going on from" in capsys.readouterr().out
    record = pd.read_parquet(out / "rewards.parquet")
    assert record.groupby(["step", "reward"]).size().to_dict() == {(step, reward): 8 for step in range(3) for reward in REWARDS}


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


@pytest.mark.parametrize(
    ("name", "kind", "setting", "value"),
    [
        ("fsdp", DistributedType.FSDP, "fsdp_version", 2),
        ("zero2", DistributedType.DEEPSPEED, "zero_stage", 2),
        ("zero3", DistributedType.DEEPSPEED, "zero_stage", 3),
    ],
)
def test_accelerate_reads_the_file_and_knows_every_key(name, kind, setting, value):
    # load_config_from_file refuses unknown keys. What needs several GPUs is not run here; see tests/trainers/test_distributed.py.
    config = load_config_from_file(str(ROOT / f"recipes/accelerate/{name}.yaml"))
    assert config.distributed_type == kind
    section = config.fsdp_config if kind == DistributedType.FSDP else config.deepspeed_config
    assert section[setting] == value
    known = {"deepspeed_multinode_launcher", "zero3_save_16bit_model", *DeepSpeedPlugin.__dataclass_fields__}
    if kind == DistributedType.DEEPSPEED:
        assert section.keys() <= known and "optimizer" not in section
