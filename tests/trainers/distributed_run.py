"""What test_distributed.py runs in one process, and under torchrun in two: one optimizer step on the same eight completions.

    torchrun --nproc_per_node 2 tests/trainers/distributed_run.py FOLDER

FOLDER holds the reference model (`save_anchor`), and afterwards results.pt.
"""

from __future__ import annotations

import functools
import os
import sys

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

WORLD = int(os.environ.get("WORLD_SIZE", 1))
COMMON = {"per_device_train_batch_size": 8 // WORLD, "max_steps": 1, "max_grad_norm": 0.0, "shuffle_dataset": False}


class Ragged:
    """Completions of different lengths, a tool's tokens in some, no EOS in others; which depends on the prompt and its place in the group."""

    def __call__(self, prompts: list[str], trainer: object) -> dict[str, list]:
        tokens, seen = tiny.tokenizer(), {}
        prompt_ids, completion_ids, masks = [], [], []
        for prompt in prompts:
            place = seen[prompt] = seen.get(prompt, -1) + 1
            base = tokens(prompt)["input_ids"]
            ids = [3 + (7 * base[0] + 3 * k + 5 * place) % 30 for k in range(2 + (base[0] + place) % 5)]
            ended = base[0] % 3 != 0
            prompt_ids.append(base)
            completion_ids.append(ids + [tokens.eos_token_id] * ended)
            masks.append([int(k != 1 or base[0] % 2) for k in range(len(ids))] + [1] * ended)
        return {"prompt_ids": prompt_ids, "completion_ids": completion_ids, "logprobs": None, "env_mask": masks}


def score(prompts: list[str], completions: list[str], **columns: object) -> list[float | None]:
    return [None if prompt.startswith("5") else len(text) / 7 + int(prompt[0]) / 10 for prompt, text in zip(prompts, completions, strict=True)]


@reward_function(mode="batch")
def shortest(response: list[str], group: list[int]) -> list[float]:
    """The share of a completion's group that is no shorter: a reward that needs the whole group."""
    siblings = {g: [text for text, other in zip(response, group, strict=True) if other == g] for g in group}
    return [sum(len(text) <= len(sibling) for sibling in siblings[g]) / len(siblings[g]) for text, g in zip(response, group, strict=True)]


@reward_function
def length(response: str) -> float:
    return len(response) / 10


def save_anchor(folder: str) -> None:
    tiny.policy(seed=1).save_pretrained(os.path.join(folder, "anchor"))


def ppo(folder: str, callback: tiny.Gradients, critic: str) -> PPOTrainer:
    policy = tiny.policy()
    policy.config._name_or_path = os.path.join(folder, "anchor")  # where GRPOTrainer loads the reference model from
    options = {"beta": 0.05, "missing_eos_penalty": 0.3, "bootstrap_truncated": True, "lam": 0.9, "critic": critic}
    trainer = PPOTrainer(
        policy, score, tiny.config(folder, **{**COMMON, **options}), train_dataset=Dataset.from_dict({"prompt": [f"{i}+1=?" for i in range(8)]}),
        processing_class=tiny.tokenizer(), rollout_func=Ragged(), callbacks=[callback],
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    trainer.critic.head.weight.data.copy_(torch.randn(trainer.critic.head.weight.shape, generator=generator))
    return trainer


def grpo_with_a_rubric(folder: str, callback: tiny.Gradients) -> GRPOTrainer:
    rubric = Rubric([Reward(name="shortest", score=shortest, weight=0.7), Reward(name="length", score=length, weight=0.3)])
    args = GRPOConfig(
        folder, num_generations=4, reward_weights=rubric.reward_weights, use_cpu=True, bf16=False, gradient_checkpointing=False,
        report_to="none", save_strategy="no", disable_tqdm=True, max_completion_length=8, **COMMON,
    )  # fmt: skip
    return GRPOTrainer(
        tiny.policy(), rubric.reward_funcs, args, train_dataset=Dataset.from_dict({"prompt": ["1+1=?", "2+1=?"]}),
        processing_class=tiny.tokenizer(), rollout_func=Ragged(), callbacks=[callback],
    )  # fmt: skip


CASES = {
    "ppo, separate critic": functools.partial(ppo, critic="separate"),
    "ppo, shared critic": functools.partial(ppo, critic="shared"),
    "grpo, rubric with a group reward": grpo_with_a_rubric,
}
LOGGED = ("reward", "kl", "critic/return_mean", "critic/return_std", "critic/explained_variance", "critic/value_loss", "policy_loss")


def step(case: str, folder: str) -> dict[str, dict]:
    gradients = tiny.Gradients()
    trainer = CASES[case](folder, gradients)
    trainer.train()
    log = trainer.state.log_history[0]
    return {"gradients": gradients.first, "log": {name: log[name] for name in LOGGED if name in log}}


if __name__ == "__main__":
    folder = sys.argv[1]
    results = {case: step(case, folder) for case in CASES}
    if int(os.environ["RANK"]) == 0:
        torch.save({"processes": WORLD, "results": results}, os.path.join(folder, "results.pt"))
