"""One run of scripts/bench/token_credit.py: a policy of some thousand parameters on a task in which every token earns its own share.

    python scripts/bench/token_credit_runs.py '{"way": "ppo", "tokens": 24, "seed": 0}'

The task: each of 16 symbols has a prize of its own, fixed at random, and a completion of a fixed number of symbols is paid the mean of its
prizes at its end. So the reward of a completion says little of any one symbol, and less the longer it is; a critic that learns what has
been earned so far says what each symbol earned. The best policy always writes the best symbol, for a reward of 1.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, TrainerCallback  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from rl_rewards.trainers import PPOConfig, PPOTrainer  # noqa: E402

SYMBOLS = 16
# What is compared: options of PPOConfig; GRPO compares eight completions of each prompt.
BEFORE = {"normalize_returns": False, "critic_lam": 0.95, "lam": 0.95}  # what version 0.1 did
WAYS: dict[str, dict[str, Any]] = {
    "grpo": {},
    "no critic": {"critic": "none"},
    "ppo": {},
    "ppo, shared": {"critic": "shared", "vf_coef": 0.1},
    "ppo, before": BEFORE,
}


def tokenizer() -> PreTrainedTokenizerFast:
    words = ["<pad>", "<eos>", "<unk>", *(f"s{i}" for i in range(SYMBOLS))]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left")


def policy(seed: int, tokens: int) -> Qwen2ForCausalLM:
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=SYMBOLS + 3, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=tokens + 8, pad_token_id=0, eos_token_id=1, tie_word_embeddings=False,
        )
    )  # fmt: skip


def prizes() -> torch.Tensor:
    """What each token earns (SYMBOLS + 3,): the best symbol 1, the others less, padding and its kin nothing."""
    ranks = torch.randperm(SYMBOLS, generator=torch.Generator().manual_seed(0)).float()
    return torch.cat([torch.zeros(3), (ranks / (SYMBOLS - 1)) ** 2])


class Earned:
    """The mean prize of a completion's tokens, and a record of each batch's mean."""

    __name__ = "earned"

    def __init__(self, scale: float = 1.0) -> None:
        self.prizes, self.scale, self.means = prizes(), scale, []

    def __call__(self, completion_ids: list[list[int]], **columns: object) -> list[float]:
        rewards = [self.prizes[torch.tensor(ids)].mean().item() for ids in completion_ids]
        self.means.append(sum(rewards) / len(rewards))
        return [self.scale * reward for reward in rewards]


class Constant(Earned):
    """The same reward for every completion, which ought to move no policy."""

    __name__ = "constant"

    def __call__(self, completion_ids: list[list[int]], **columns: object) -> list[float]:
        super().__call__(completion_ids)
        return [self.scale] * len(completion_ids)


class Watch(TrainerCallback):
    def __init__(self) -> None:
        self.logs: list[dict] = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.logs.append(dict(logs or {}))


def run(
    way: str, tokens: int, seed: int, steps: int = 30, completions: int = 64, task: str = "earned", rate: float = 3e-3,
    critic_rate: float = 3e-3, scale: float = 1.0, **options: Any,
) -> dict:  # fmt: skip
    """Train once, `steps` rollouts of `completions`; how the mean prize rose, how far the policy moved, what the critic explained, seconds."""
    torch.set_num_threads(1)
    common = {
        "seed": seed, "max_steps": steps * options.get("num_iterations", 1), "per_device_train_batch_size": completions, "max_completion_length": tokens, "learning_rate": rate,
        "generation_kwargs": {"min_new_tokens": tokens, "suppress_tokens": [0, 2]}, "lr_scheduler_type": "constant", "adam_beta2": 0.99,
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none", "save_strategy": "no", "logging_steps": 1,
        "disable_tqdm": True, "beta": 0.0,
    }  # fmt: skip
    reward, watch = (Earned if task == "earned" else Constant)(scale), Watch()
    data = Dataset.from_dict({"prompt": [f"s{i}" for i in range(SYMBOLS)] * 64})
    with tempfile.TemporaryDirectory() as folder:
        if way == "grpo":
            trainer_class, args = GRPOTrainer, GRPOConfig(folder, num_generations=8, **common, **options)
        else:
            trainer_class, args = PPOTrainer, PPOConfig(folder, critic_learning_rate=critic_rate, **{**common, **WAYS[way], **options})
        trainer = trainer_class(policy(seed, tokens), reward, args, data, processing_class=tokenizer(), callbacks=[watch])
        start = {name: p.detach().clone() for name, p in trainer.model.named_parameters() if not name.startswith("critic.")}
        clock = time.process_time()
        trainer.train()
        seconds = time.process_time() - clock
    moved = sum((trainer.model.get_parameter(name).detach() - p).square().sum() for name, p in start.items()) ** 0.5
    tenth = max(steps // 10, 1)
    explained = [log["critic/explained_variance"] for log in watch.logs if log.get("critic/explained_variance") is not None]
    return {
        "way": way, "tokens": tokens, "seed": seed, "task": task, "steps": steps, "seconds": seconds, "moved": float(moved),
        "means": reward.means, "final": sum(reward.means[-tenth:]) / tenth,
        "explained": explained, "entropy": [log["entropy"] for log in watch.logs if "entropy" in log][-1],
    }  # fmt: skip


if __name__ == "__main__":
    print("\n" + json.dumps(run(**json.loads(sys.argv[1]))))
