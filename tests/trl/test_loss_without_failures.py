"""A row without a score is not in the gradient: that of a step in which rewards fail is the gradient of a batch without those rows."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from tests import forked
from tests.trl import loss_without_failures as losses
from tests.trl.gradient import COMMON

CASES = losses.cases()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("losses")
    losses.tiny.policy(seed=1).save_pretrained(path / "anchor")
    return str(path)


def check(found: tuple[float, float]) -> None:
    worst, size = found
    assert worst <= 2e-6 + 1e-4 * size, (worst, size)


@pytest.mark.parametrize("case", [pytest.param(case, id=losses.label(case), marks=() if i < 6 else pytest.mark.slow) for i, case in enumerate(CASES)])
def test_the_gradient_of_grpo_is_that_of_the_rows_that_have_a_score(folder, case):
    check(losses.grpo(folder, case))


@pytest.mark.parametrize("beside", [False, True], ids=["rubric", "beside a function"])
@pytest.mark.parametrize("fails", [pytest.param(name, marks=() if name == "some" else pytest.mark.slow) for name in losses.FAILS])
def test_the_gradient_of_rloo_is_that_of_the_rows_that_have_a_score(folder, fails, beside):
    check(losses.rloo(folder, fails, beside))


@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "bnpo", "dr_grpo"])
@pytest.mark.parametrize(
    "options",
    [
        {"critic": "separate", "beta": 0.05},
        pytest.param({"critic": "shared", "entropy_coef": 0.05, "whiten_advantages": False}, marks=pytest.mark.slow),
        pytest.param({"critic": "none", "top_entropy_quantile": 0.5}, marks=pytest.mark.slow),
    ],
    ids=["separate critic", "shared critic", "no critic"],
)
def test_the_gradient_of_ppo_is_that_of_a_run_without_the_rows(folder, options, loss_type):
    check(losses.ppo(folder, "some", {"loss_type": loss_type, **options}))


@pytest.mark.slow
def test_every_two_options_meet():
    assert len(CASES) >= 40 and {case["loss_type"] for case in CASES} == set(losses.OPTIONS["loss_type"])


def test_without_a_callback_they_are_left_out_from_the_second_batch_on(folder):
    scored, rollouts = losses.rubric(losses.FAILS["some"]), []

    class Kept(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            rollouts.append(inputs)
            return super()._compute_loss(model, inputs)

    args = GRPOConfig(folder, **{**COMMON, "per_device_train_batch_size": losses.ROWS, "max_steps": 2, "reward_weights": scored.reward_weights,
                                 "num_generations": losses.GROUP})  # fmt: skip
    data = Dataset.from_dict({"prompt": losses.PROMPTS[:: losses.GROUP]})
    Kept(losses.tiny.policy(), scored.reward_funcs, args, train_dataset=data, processing_class=losses.tiny.tokenizer()).train()
    first, second = rollouts
    assert "tool_mask" not in first
    assert (second["tool_mask"].sum(1) == 0).sum() == len(losses.FAILS["some"])
    assert second["num_items_in_batch"] == second["tool_mask"].sum()


@pytest.mark.torchrun
def test_two_processes_of_which_one_may_fail_wholly_have_that_gradient_too(folder):
    forked.run_ranks(2, "tests/trl/loss_without_failures.py", folder)
    found = torch.load(f"{folder}/differences.pt", weights_only=True)
    assert set(found) == {losses.label(case) for case in losses.TWO}
    wrong = {name: each for name, each in found.items() if each[0] > 2e-6 + 1e-4 * each[1]}
    assert not wrong
