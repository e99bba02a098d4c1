"""Which prompts a rollout has, how it is cut for each pass, and what is logged of it."""

from __future__ import annotations

import pytest
import torch
from trl.trainer.utils import RepeatSampler

from rl_rewards.trainers import PPOTrainer
from rl_rewards.trainers.batches import EpochSampler, reshuffled
from tests.trainers import tiny


def test_an_epochs_order_is_that_of_trl_and_needs_no_history():
    trls = RepeatSampler(range(12), mini_repeat_count=2, batch_size=3, repeat_count=2, seed=7)
    orders = [list(trls) for _ in range(4)]
    for epoch in (3, 0, 2, 1):
        assert list(EpochSampler.like(trls, 7, lambda epoch=epoch: float(epoch))) == orders[epoch]
    assert orders[0] != orders[1]
    middle = EpochSampler.like(trls, 7, lambda: 2.75)
    assert list(middle) == orders[2]
    assert list(EpochSampler.like(RepeatSampler(range(6), 1, 2, shuffle=False), 7, lambda: 1.0)) == list(range(6))


def test_another_pass_cuts_the_same_rows_into_other_batches():
    torch.manual_seed(0)
    rows = torch.arange(12)
    batches = [
        {"ids": rows[i : i + 4, None], "advantages": rows[i : i + 4] * 10.0, "num_items_in_batch": torch.tensor(5.0), "num_images": None}
        for i in (0, 4, 8)
    ]
    again = reshuffled(batches)
    assert len(again) == 3 and all(len(batch["ids"]) == 4 for batch in again)
    assert sorted(torch.cat([batch["ids"] for batch in again]).flatten().tolist()) == rows.tolist()
    assert [batch["ids"].tolist() for batch in again] != [batch["ids"].tolist() for batch in batches]
    for batch in again:
        assert torch.equal(batch["advantages"], batch["ids"].flatten() * 10.0)
        assert batch["num_items_in_batch"] == 5.0 and batch["num_images"] is None
    assert reshuffled(batches[:1]) is not None and reshuffled(batches[:1])[0] is batches[0]


def test_rows_with_images_keep_theirs():
    torch.manual_seed(1)
    images = [1, 2, 1, 0]  # of each row; a row's number is written on its images

    def batch(rows: list[int]) -> dict:
        pixels = torch.cat([torch.full((4 * images[row], 2), float(row)) for row in rows])
        grid = torch.tensor([[1, 2, 2]] * sum(images[row] for row in rows)).reshape(-1, 3)
        return {"ids": torch.tensor(rows)[:, None], "pixel_values": pixels, "image_grid_thw": grid, "num_images": [images[row] for row in rows]}

    for again in reshuffled([batch([0, 1]), batch([2, 3])]):
        rows = again["ids"].flatten().tolist()
        expected = torch.cat([torch.full((4 * images[row], 2), float(row)) for row in rows])
        assert again["num_images"] == [images[row] for row in rows] and torch.equal(again["pixel_values"], expected)
        assert len(again["image_grid_thw"]) == sum(again["num_images"])


def trainer(folder, callbacks=(), reward=tiny.digits, **options) -> PPOTrainer:
    return PPOTrainer(
        tiny.policy(), reward, tiny.config(folder, **options), train_dataset=tiny.prompts(16), processing_class=tiny.tokenizer(),
        callbacks=list(callbacks),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["separate", "none"])
def test_passes_over_a_rollout_see_all_of_it_in_mini_batches_of_their_own(tmp_path, critic):
    tuned = trainer(tmp_path, critic=critic, steps_per_generation=4, num_iterations=3, max_steps=24, per_device_train_batch_size=4)
    seen, loss = [], tuned._compute_loss
    tuned._compute_loss = lambda model, inputs: seen.append(inputs["completion_ids"].tolist()) or loss(model, inputs)
    tuned.train()
    for rollout in (seen[:12], seen[12:]):
        passes = [rollout[:4], rollout[4:8], rollout[8:]]
        assert len({str(sorted(row for batch in one for row in batch)) for one in passes}) == 1
        assert len({str(one) for one in passes}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"entropy_coef": 0.01}], ids=["plain", "entropy bonus"])
@pytest.mark.parametrize("critic", ["separate", "none"])
@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "bnpo", "dr_grpo"])
def test_the_logged_policy_loss_does_not_depend_on_accumulation(tmp_path, loss_type, critic, options):
    logs = []
    for accumulated in (1, 4):
        tuned = trainer(
            tmp_path / str(accumulated), critic=critic, loss_type=loss_type, gradient_accumulation_steps=accumulated, max_steps=1,
            per_device_train_batch_size=16 // accumulated, generation_kwargs={"min_new_tokens": 8}, whiten_advantages=False,
            reward=lambda completions, **columns: [1.0 + score for score in tiny.digits(completions)], **options,
        )  # fmt: skip
        tuned.train()
        logs.append(tuned.state.log_history[0])
    assert logs[0]["policy_loss"] == pytest.approx(logs[1]["policy_loss"], rel=1e-3, abs=1e-5)
    if critic == "none":
        assert abs(logs[0]["policy_loss"]) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
@pytest.mark.parametrize(("per_device", "accumulated"), [(1, 1), (3, 1), (1, 7), (3, 5)])
def test_rollouts_of_any_number_of_completions_train(tmp_path, per_device, accumulated, critic):
    tuned = trainer(tmp_path, critic=critic, per_device_train_batch_size=per_device, gradient_accumulation_steps=accumulated)
    tuned.train()
    assert tuned.state.global_step == 2 and all(torch.isfinite(parameter).all() for parameter in tuned.model.parameters())
