"""Two processes and one, on the same eight completions: the same gradients."""

from __future__ import annotations

import json

import pytest
import torch

from tests import forked
from tests.trainers import distributed_run, sharded_run, tiny

pytestmark = pytest.mark.slow  # it trains


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("two")
    distributed_run.save_anchor(str(folder))
    forked.run_ranks(2, "tests/trainers/distributed_run.py", folder)
    saved = torch.load(folder / "results.pt", weights_only=True)
    assert saved["processes"] == 2
    return saved["results"]


@pytest.mark.torchrun
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
def test_policy_and_critic_sharded_have_the_gradients_of_one_process(tmp_path, way, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    if way != "fsdp":
        pytest.importorskip("deepspeed")
    forked.run_ranks(2, "tests/trainers/sharded_run.py", tmp_path, way)
    for critic, sharded in torch.load(tmp_path / "sharded.pt", weights_only=True).items():
        whole = sharded_run.gradients(sharded_run.model(str(tmp_path), critic), sharded_run.IDS)
        assert whole.keys() == sharded.keys() and any(name.startswith("critic.") for name in whole)
        for name, gradient in whole.items():
            assert torch.allclose(gradient, sharded[name], rtol=1e-3, atol=1e-4), (critic, name)


@pytest.mark.torchrun
def test_under_zero3_generation_gathers_the_policy_and_not_the_critic(tmp_path, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    pytest.importorskip("deepspeed")
    tiny.policy().save_pretrained(tmp_path / "policy")
    options = ("--config_file", str(forked.ROOT / "recipes/accelerate/zero3.yaml"), "--num_processes", "2", "--mixed_precision", "no")
    forked.finish_ranks(forked.start_accelerated(*options, "tests/trainers/zero3_generation.py", str(tmp_path)))
    found = json.loads((tmp_path / "seen.json").read_text())
    assert len(found["seen"]) == 2 and len(found["losses"]) == 2
    assert found["seen"] == [[found["own"], 0]] * 2
