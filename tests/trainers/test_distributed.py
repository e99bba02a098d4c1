"""Two processes and one, on the same eight completions: the same gradients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trainers import distributed_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("two")
    distributed_run.save_anchor(str(folder))
    script = str(ROOT / "tests/trainers/distributed_run.py")
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
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
