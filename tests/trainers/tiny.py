"""A policy of 20,000 parameters with a character tokenizer, made in code: what the trainer's tests train."""

from __future__ import annotations

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, TrainerCallback

from rl_rewards.trainers import PPOConfig

CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz =+-?"


def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<eos>", "<unk>", *CHARACTERS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left",
        chat_template="{% for message in messages %}{{ message['content'] }}{% endfor %}",
    )  # fmt: skip


def policy(seed: int = 0, **config: object) -> Qwen2ForCausalLM:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    tokens = tokenizer()
    return Qwen2ForCausalLM(
        Qwen2Config(
            max_position_embeddings=128, eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id, tie_word_embeddings=False,
            **{"vocab_size": len(tokens), **sizes, **config},
        )
    )  # fmt: skip


def prompts(count: int = 64) -> Dataset:
    return Dataset.from_dict({"prompt": [f"{i % 10}+{i // 10 % 10}=?" for i in range(count)], "answer": [str(i % 10) for i in range(count)]})


def config(output_dir: object, **options: object) -> PPOConfig:
    defaults = {
        "per_device_train_batch_size": 8, "max_completion_length": 8, "learning_rate": 1e-3, "critic_learning_rate": 1e-3, "max_steps": 2,
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none", "save_strategy": "no", "logging_steps": 1,
        "disable_tqdm": True, "lr_scheduler_type": "constant",
    }  # fmt: skip
    return PPOConfig(str(output_dir), **{**defaults, **options})


def digits(completions: list[str], **columns: object) -> list[float]:
    """The share of a completion's characters that are digits."""
    return [sum(character.isdigit() for character in text) / max(len(text), 1) for text in completions]


class Scripted:
    """A rollout that plays out given completions, so that a test knows every token: (text, mask of the policy's own characters)."""

    def __init__(self, completions: dict[str, tuple[str, str]], ends: bool = True) -> None:
        self.completions, self.ends = completions, ends

    def __call__(self, prompts: list[str], trainer: object) -> dict[str, list]:
        tokens = tokenizer()
        prompt_ids, completion_ids, masks = [], [], []
        for prompt in prompts:
            text, own = self.completions[prompt]
            ids = tokens(text)["input_ids"]
            prompt_ids.append(tokens(prompt)["input_ids"])
            completion_ids.append(ids + [tokens.eos_token_id] * self.ends)
            masks.append([int(character == "1") for character in own] + [1] * self.ends)
        return {"prompt_ids": prompt_ids, "completion_ids": completion_ids, "logprobs": None, "env_mask": masks}


class Gradients(TrainerCallback):
    """Keeps the gradients of the first optimizer step, by parameter name, as they are before the step."""

    def __init__(self) -> None:
        self.first: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        if not self.first:
            self.first = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
