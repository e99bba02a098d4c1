"""Two processes and one, on the same eight completions: the same gradients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trainers import distributed_run, sharded_run, tiny

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).resolve().parents[2]


def torchrun(script: str, folder: Path, *arguments: str) -> None:
    """Run a script of this folder in two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(ROOT / "tests/trainers" / script)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
    done = subprocess.run([*command, str(folder), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("two")
    distributed_run.save_anchor(str(folder))
    torchrun("distributed_run.py", folder)
    saved = torch.load(folder / "results.pt", weights_only=True)
    assert saved["processes"] == 2
    return saved["results"]


@pytest.mark.torchrun
@pytest.mark.xdist_group("two processes")
@pytest.mark.parametrize("case", distributed_run.CASES)
def test_two_processes_give_the_gradients_of_one(case, of_two, tmp_path):
    distributed_run.save_anchor(str(tmp_path))
    one, two = distributed_run.step(case, str(tmp_path)), of_two[case]
    assert one["gradients"].keys() == two["gradients"].keys()
    for name, gradient in one["gradients"].items():
        assert torch.allclose(gradient, two["gradients"][name], rtol=1e-4, atol=1e-6), name
    sizes = {name: gradient.abs().max() for name, gradient in one["gradients"].items()}
    assert max(size for name, size in sizes.items() if not name.startswith("critic.")) > 1e-3
    assert sizes.get("critic.head.weight", 1.0) > 1e-3
    assert one["log"].keys() == two["log"].keys()
    for name, value in one["log"].items():
        assert two["log"][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


@pytest.mark.torchrun
@pytest.mark.parametrize("way", ["fsdp", "zero2", "zero3"])
def test_policy_and_critic_sharded_have_the_gradients_of_one_process(tmp_path, way):
    if way != "fsdp":
        pytest.importorskip("deepspeed")
    torchrun("sharded_run.py", tmp_path, way)
    for critic, sharded in torch.load(tmp_path / "sharded.pt", weights_only=True).items():
        whole = sharded_run.gradients(sharded_run.model(str(tmp_path), critic), sharded_run.IDS)
        assert whole.keys() == sharded.keys() and any(name.startswith("critic.") for name in whole)
        for name, gradient in whole.items():
            assert torch.allclose(gradient, sharded[name], rtol=1e-3, atol=1e-4), (critic, name)


@pytest.mark.torchrun
def test_under_zero3_generation_gathers_the_policy_and_not_the_critic(tmp_path):
    pytest.importorskip("deepspeed")
    tiny.policy().save_pretrained(tmp_path / "policy")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(ROOT / "recipes/accelerate/zero3.yaml")]
    command = [*launch, "--num_processes", "2", "--mixed_precision", "no", str(ROOT / "tests/trainers/zero3_generation.py"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads((tmp_path / "seen.json").read_text())
    assert len(found["seen"]) == 2 and len(found["losses"]) == 2
    assert found["seen"] == [[found["own"], 0]] * 2
