"""The accelerate files for many GPUs, run by two CPU processes: DeepSpeed shards there by itself, FSDP 2 with fsdp_on_cpu.py."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DeepSpeedPlugin, DistributedType
from safetensors.torch import load_file

from recipes import arithmetic
from tests.recipes import launch

pytestmark = pytest.mark.slow  # it trains

SHARDED = ("fsdp", "zero2", "zero3")
HELD_OUT = 8  # prompts: under ZeRO-3 a processor generates for minutes on all of the recipe's 310
# Sharded runs clip policy and critic by one norm, data parallel ones each by its own: with no gradient clipped the two are the same run.
UNCLIPPED = {"max_grad_norm": 100.0}


def two_processes(name: str) -> tuple[str, ...]:
    options = ("--config_file", f"recipes/accelerate/{name}.yaml", "--num_processes", "2", "--mixed_precision", "no")
    return (*options, "tests/recipes/fsdp_on_cpu.py") if name == "fsdp" else options


def skip_without_deepspeed(name: str) -> None:
    if name.startswith("zero"):
        pytest.importorskip("deepspeed")


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")


def gradient_norm(entry: dict) -> float:
    """That of policy and critic together: data parallel runs log one each, sharded ones clip what they hold, which is both."""
    return math.hypot(entry.get("grad_norm", 0.0), entry.get("critic/grad_norm", 0.0))


def assert_equal(one: Path, other: Path, files: tuple[str, ...]) -> None:
    """The same weights and the same log, but for clocks."""
    for file in files:
        weights, others = load_file(one / file), load_file(other / file)
        others.pop("lm_head.weight", None)  # tied to the embeddings: some name it too
        weights.pop("lm_head.weight", None)
        assert weights.keys() == others.keys()
        for name, weight in weights.items():
            assert torch.allclose(weight, others[name], atol=1e-4), (file, name)
    logs = [json.loads((out / "checkpoint-4/trainer_state.json").read_text())["log_history"] for out in (one, other)]
    for entry, same in zip(*logs, strict=True):
        assert gradient_norm(same) == pytest.approx(gradient_norm(entry), rel=1e-3)
        for key in entry:
            if entry[key] is not None and not key.endswith(("time", "second", "seconds", "grad_norm")):
                assert same[key] == pytest.approx(entry[key], rel=1e-3, abs=1e-3), (entry["step"], key)


def ppo_config(folder: Path) -> Path:
    """Four steps with an evaluation before and after them, nothing clipped."""
    arithmetic.test().select(range(HELD_OUT)).to_json(folder / "held_out.jsonl")
    return launch.config("ppo", folder, max_steps=4, save_steps=2, eval_dataset=str(folder / "held_out.jsonl"), num_generations_eval=1, **UNCLIPPED)


@pytest.fixture(scope="module")
def data_parallel(tmp_path_factory) -> Path:
    """A PPO run by two processes, each with the whole model, started as its user types it."""
    folder = tmp_path_factory.mktemp("data_parallel")
    launch.run("ppo", ppo_config(folder), *two_processes("multi_gpu"))
    return folder / "out"


@pytest.fixture(scope="module")
def rloo_data_parallel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rloo_data_parallel")
    launch.run_forked("rloo", launch.config("rloo", folder, max_steps=4, save_steps=4), *two_processes("multi_gpu"))
    return folder / "out"


@pytest.mark.torchrun
@pytest.mark.parametrize("name", SHARDED)
def test_ppo_sharded_killed_and_resumed_ends_as_it_does_without_sharding(name, data_parallel, tmp_path):
    skip_without_deepspeed(name)
    file = ppo_config(tmp_path)
    launch.run_and_kill("ppo", file, 3, *two_processes(name))
    printed = launch.run_forked("ppo", file, *two_processes(name))
    assert "going on from" in printed and f"Evaluation on {HELD_OUT} held-out prompts" in printed
    assert_equal(data_parallel, tmp_path / "out", ("model.safetensors", "critic.safetensors"))


@pytest.mark.torchrun
@pytest.mark.parametrize("name", SHARDED)
def test_rloo_sharded_ends_as_it_does_without_sharding(name, rloo_data_parallel, tmp_path):
    skip_without_deepspeed(name)
    launch.run_forked("rloo", launch.config("rloo", tmp_path, max_steps=4, save_steps=4), *two_processes(name))
    assert_equal(rloo_data_parallel, tmp_path / "out", ("model.safetensors",))


@pytest.mark.parametrize(
    ("name", "kind", "setting", "value"),
    [
        ("multi_gpu", DistributedType.MULTI_GPU, "num_processes", 8),
        ("fsdp", DistributedType.FSDP, "fsdp_version", 2),
        ("zero2", DistributedType.DEEPSPEED, "zero_stage", 2),
        ("zero3", DistributedType.DEEPSPEED, "zero_stage", 3),
    ],
)
def test_accelerate_reads_the_file_and_knows_every_key(name, kind, setting, value):
    # load_config_from_file refuses unknown keys.
    config = load_config_from_file(str(launch.ROOT / f"recipes/accelerate/{name}.yaml"))
    assert config.distributed_type == kind
    sections = {DistributedType.FSDP: "fsdp_config", DistributedType.DEEPSPEED: "deepspeed_config"}
    section = getattr(config, sections[kind]) if kind in sections else vars(config)
    assert section[setting] == value
    known = {"deepspeed_multinode_launcher", "zero3_save_16bit_model", *DeepSpeedPlugin.__dataclass_fields__}
    if kind == DistributedType.DEEPSPEED:
        assert section.keys() <= known and "optimizer" not in section
