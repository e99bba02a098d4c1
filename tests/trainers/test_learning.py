"""Toys whose best policy and true values are known: PPO finds the one, its critic the other."""

from __future__ import annotations

import pytest
import torch

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

pytestmark = pytest.mark.slow  # it trains


def trainer(folder, reward, **options) -> PPOTrainer:
    defaults = {"per_device_train_batch_size": 64, "learning_rate": 5e-3, "critic_learning_rate": 5e-3, "logging_steps": 10}
    return PPOTrainer(
        tiny.policy(), reward, tiny.config(folder, **{**defaults, **options}),
        train_dataset=tiny.prompts(256), processing_class=tiny.tokenizer(),
    )  # fmt: skip


PRIZES = {"a": 0.2, "b": 0.5, "c": 1.0}  # and nothing for the other 41 tokens


def bandit(completions: list[str], **columns: object) -> list[float]:
    return [PRIZES.get(text.strip(), 0.0) for text in completions]


@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
def test_a_bandit_with_one_best_arm_is_played_right(tmp_path, critic):
    tuned = trainer(tmp_path, bandit, critic=critic, max_completion_length=1, max_steps=60, num_iterations=2)
    tuned.train()
    inputs = tuned.processing_class(["1+1=?"], return_tensors="pt")
    with torch.no_grad():
        chances = tuned.model.eval()(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[0, -1].softmax(-1)
    assert tuned.processing_class.decode(chances.argmax()) == "c" and chances.max() > 0.8


def second_is_a_digit(completion_ids: list[list[int]], **columns: object) -> list[float]:
    """1 if the second of three tokens is a digit (ids 3 to 12); the other two earn nothing."""
    return [float(len(ids) > 1 and 3 <= ids[1] <= 12) for ids in completion_ids]


THREE = {"max_completion_length": 3, "generation_kwargs": {"min_new_tokens": 3}, "num_iterations": 2, "lam": 0.9}


def test_a_reward_for_one_token_of_three_is_found(tmp_path):
    tuned = trainer(tmp_path, second_is_a_digit, max_steps=50, **THREE)
    tuned.train()
    rewards = [log["reward"] for log in tuned.state.log_history if "reward" in log]
    assert rewards[0] < 0.5 and rewards[-1] > 0.95


def share_of_digits(completion_ids: list[list[int]], **columns: object) -> list[float]:
    """How many of the three tokens are digits, divided by 3: each token earns its own share, paid at the end."""
    return [sum(3 <= token <= 12 for token in ids) / 3 for ids in completion_ids]


def test_credit_goes_to_the_tokens_that_earned_it(tmp_path):
    # The policy stays as it is while the critic learns, so the truth is known. With p the chance of a digit, a digit gains (1 - p) / 3
    # over what was expected and any other token loses p / 3, wherever they stand; a reward alone would praise or blame all three.
    tuned = trainer(
        tmp_path, share_of_digits, max_steps=80, critic_warmup_steps=80, critic_learning_rate=1e-2, cliprange_value=None,
        **{**THREE, "num_iterations": 4, "lam": 1.0},
    )  # fmt: skip
    batches = []
    generate = tuned._generate_and_score_completions
    tuned._generate_and_score_completions = lambda inputs: batches.append(generate(inputs)) or batches[-1]
    tuned.train()
    values, returns, ids = (torch.cat([batch[name] for batch in batches[-5:]]) for name in ("old_values", "returns", "completion_ids"))
    gains = torch.diff(torch.cat([values, returns[:, -1:]], dim=1), dim=1)
    is_digit = (ids >= 3) & (ids <= 12)
    chance = is_digit.float().mean().item()
    assert values[:, 0].mean().item() == pytest.approx(chance, abs=0.06)
    for t in range(3):
        assert gains[:, t][is_digit[:, t]].mean().item() == pytest.approx((1 - chance) / 3, abs=0.08)
        assert gains[:, t][~is_digit[:, t]].mean().item() == pytest.approx(-chance / 3, abs=0.08)
    assert tuned.state.log_history[-2]["critic/explained_variance"] > 0.2
