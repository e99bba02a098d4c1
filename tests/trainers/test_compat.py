from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trl
from trl import GRPOTrainer

from rl_rewards.trainers import compat

ROOT = Path(__file__).resolve().parents[2]


def test_the_installed_trl_has_every_part():
    assert compat.missing_parts() == []


def test_a_renamed_method_a_lost_parameter_and_a_changed_loss_are_named_with_the_version():
    class Changed(GRPOTrainer):
        _save_rng_state = None

        def _calculate_rewards(self, inputs, prompts, completions):
            raise NotImplementedError

        def _compute_loss(self, model, inputs):
            return inputs["advantages"]

    with pytest.raises(ImportError) as error:
        compat.check(Changed)
    for part in (
        "Changed._save_rng_state is gone",
        "Changed._calculate_rewards has no parameter 'completion_ids_list'",
        "Changed._compute_loss no longer contains `advantages.dim() == 1`",
        f"pip install 'trl=={compat.TESTED}'",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize("wanted", ["trl", "trl==1.14.2"], ids=["newest", "1.14.2"])
def test_another_trl_either_trains_or_is_refused_at_import(wanted, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", str(tmp_path), wanted]
    if (installed := subprocess.run(pip, capture_output=True, text=True)).returncode:
        pytest.skip(f"{wanted} cannot be installed here: {installed.stderr.strip().splitlines()[-1]}")
    version = next(tmp_path.glob("trl-*.dist-info")).name.removeprefix("trl-").removesuffix(".dist-info")
    if version == trl.__version__:
        pytest.skip(f"trl {version} is the one that all other tests train with")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    step = [sys.executable, "-m", "tests.trainers.one_step"]
    done = subprocess.run(step, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        assert f"PPOTrainer builds on private parts of TRL's GRPOTrainer, and trl {version} differs" in done.stderr, done.stderr
    else:
        assert f"PPOTrainer trains with trl {version}" in done.stdout
