from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
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


@pytest.mark.skipif("RL_REWARDS_OTHER_PYTHON" not in os.environ, reason="set RL_REWARDS_OTHER_PYTHON to an interpreter with another TRL")
def test_another_trl_either_trains_or_is_refused_at_import():
    script = "import rl_rewards.trainers, sys; sys.path.insert(0, sys.argv[1]); import tests.trainers.one_step"
    done = subprocess.run(
        [os.environ["RL_REWARDS_OTHER_PYTHON"], "-c", script, str(ROOT)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 or "PPOTrainer builds on private parts" in done.stderr, done.stderr
    print(sys.version, done.stderr[-500:])
