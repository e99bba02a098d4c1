"""PPO with tools and with an environment: what a tool wrote is read by policy and critic, and is no step of either."""

from __future__ import annotations

import copy

import pytest
import torch
from datasets import Dataset

from rl_rewards.trainers import PPOConfig, PPOTrainer
from tests.trl.test_tools import ANSWER, CALL, PROMPT, RESULT, RUBRIC, Calculator, multiply, policy, tokenizer  # noqa: F401  (two are fixtures)

pytestmark = pytest.mark.slow


class OwnReward(Calculator):
    def get_reward(self) -> float:
        return 0.5


@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
@pytest.mark.parametrize(
    "with_tools",
    [{"tools": [multiply]}, {"environment_factory": Calculator}, {"environment_factory": OwnReward}],
    ids=["tools", "environment", "environment with a reward"],
)
def test_ppo_runs_with(tmp_path, tokenizer, policy, with_tools, critic):  # noqa: F811
    args = PPOConfig(
        str(tmp_path), critic=critic, per_device_train_batch_size=2, max_completion_length=512, max_steps=1, logging_steps=1, temperature=0.05,
        learning_rate=1e-3, critic_learning_rate=1e-3, save_strategy="no", report_to="none", use_cpu=True, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True, reward_weights=RUBRIC.reward_weights,
    )  # fmt: skip
    trainer = PPOTrainer(
        copy.deepcopy(policy), RUBRIC.reward_funcs, args, Dataset.from_list([{"prompt": PROMPT, "answer": "42"}] * 4),
        processing_class=tokenizer, **with_tools,
    )  # fmt: skip
    trainer.train()
    row = trainer.state.log_history[0]
    own = len(tokenizer.encode(CALL + ANSWER, add_special_tokens=False))
    assert row["tools/call_frequency"] == 1 and row["completions/mean_length"] == own
    (rollout,) = trainer._buffered_inputs
    steps = rollout["tool_mask"].bool()
    assert steps.sum(1).tolist() == [own, own]
    assert RESULT.strip() in tokenizer.decode(rollout["completion_ids"][0][~steps[0]])
    assert (rollout["advantages"][~steps] == 0).all()
    if critic != "none":
        assert (rollout["returns"][~steps] == 0).all() and rollout["old_values"].shape == steps.shape
    weighted = sum(row[f"rewards/{reward.name}/mean"] * reward.weight for reward in RUBRIC)
    assert row["reward"] == pytest.approx(weighted + (0.5 if with_tools.get("environment_factory") is OwnReward else 0.0))
    assert all(torch.isfinite(parameter).all() for parameter in trainer.model.parameters())
