"""What test_distributed.py runs under ZeRO-3 in two processes: which parameters are gathered while completions are generated.

accelerate launch --config_file recipes/accelerate/zero3.yaml --num_processes 2 tests/trainers/zero3_generation.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import deepspeed

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

gathered: list[int] = []  # the parameters of the last gather


class Watched(deepspeed.zero.GatheredParameters):
    def __init__(self, params: object, *args: object, **kwargs: object) -> None:
        params = list(params) if not hasattr(params, "ds_id") else [params]
        gathered[:] = [id(parameter) for parameter in params]
        super().__init__(params, *args, **kwargs)


deepspeed.zero.GatheredParameters = Watched
folder = Path(sys.argv[1])
trainer = PPOTrainer(
    str(folder / "policy"), tiny.digits, tiny.config(folder / "run", max_steps=2), train_dataset=tiny.prompts(), processing_class=tiny.tokenizer()
)
generate, seen = trainer.model.generate, []


def watched(*args: object, **kwargs: object) -> object:
    critic = {id(parameter) for parameter in trainer.critic.parameters()}
    seen.append([len(gathered), len(critic & set(gathered))])
    return generate(*args, **kwargs)


trainer.model.generate = watched
trainer.train()
if trainer.is_world_process_zero():
    own = len([name for name, _ in trainer.model.named_parameters() if not name.startswith("critic.")])
    losses = [log["critic/value_loss"] for log in trainer.state.log_history if "critic/value_loss" in log]
    (folder / "seen.json").write_text(json.dumps({"seen": seen, "own": own, "losses": losses}))
