"""Train one step and print the versions: `python tests/trainers/one_step.py` under any interpreter shows whether its TRL will do."""

from __future__ import annotations

import tempfile

import transformers
import trl

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

with tempfile.TemporaryDirectory() as folder:
    trainer = PPOTrainer(
        tiny.policy(), tiny.digits, tiny.config(folder, max_steps=1), train_dataset=tiny.prompts(), processing_class=tiny.tokenizer()
    )
    trainer.train()
    assert trainer.state.log_history[0]["critic/value_loss"] > 0
print(f"PPOTrainer trains with trl {trl.__version__}, transformers {transformers.__version__}")
