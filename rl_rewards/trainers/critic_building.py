"""Making the critic that a PPOConfig asks for: a copy of the policy, a head on it, or what a path holds."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import is_peft_model
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from trl.trainer.utils import get_config_model_id

from rl_rewards.trainers.critic import Critic
from rl_rewards.trainers.critic_files import CRITIC_FOLDER, CRITIC_MARK, saved_value_head
from rl_rewards.trainers.dropout import disable_dropout
from rl_rewards.trainers.return_scale import ReturnScale

if TYPE_CHECKING:
    from peft import PeftConfig

    from rl_rewards.trainers.ppo_config import PPOConfig

__all__ = ["build_critic"]


def build_critic(policy: nn.Module, args: PPOConfig, scale: ReturnScale, peft_config: PeftConfig | None = None, sharded: bool = False) -> Critic:
    """Make the critic that `args` asks for, on the policy's device and in its dtype, but for the head, which is in float32.

    Args:
        policy: the causal LM, or its PeftModel.
        args: `critic`, `critic_model_path`, `critic_lora`, `disable_dropout`.
        scale: the unit of the critic's outputs; with `normalize_returns` it is given that of an earlier run's critic.
        peft_config: the policy's, from which a LoRA critic takes its own.
        sharded: whether parameters are to be flattened together (FSDP, ZeRO-3), so that the head must have the policy's dtype.

    Raises:
        ValueError: a critic whose vocabulary cannot hold the policy's token ids; LoRA for a policy without; a copy of a quantized policy.
    """
    reference = next(policy.parameters())
    text_config = policy.config.get_text_config()
    dtype = policy.dtype if sharded else torch.float32  # a step of 1e-6 is lost in a weight of bfloat16
    if args.critic == "shared":
        return Critic(text_config.hidden_size, dtype=dtype, origin="a new value head on the policy's backbone").to(reference.device)

    source = _Source(args.critic_model_path)
    if args.critic_model_path is not None or is_deepspeed_zero3_enabled():
        # Under ZeRO-3 the policy's own is loaded, too: sharded parameters cannot be copied.
        backbone = AutoModel.from_pretrained(
            source.folder or get_config_model_id(policy.config), dtype=policy.dtype,
            attn_implementation=policy.config._attn_implementation, trust_remote_code=args.trust_remote_code,
        )  # fmt: skip
    else:
        backbone = _copy_backbone(policy)
    critic_config = backbone.config.get_text_config()
    if critic_config.vocab_size < text_config.vocab_size:
        raise ValueError(
            f"critic_model_path={args.critic_model_path!r} has a vocabulary of {critic_config.vocab_size} tokens, the policy one of "
            f"{text_config.vocab_size}: the critic reads the policy's token ids, so it needs the same tokenizer."
        )
    if args.disable_dropout:
        disable_dropout(backbone)
    backbone.requires_grad_(True)
    if args.critic_lora:
        backbone = _with_lora(backbone, policy, peft_config, args)
    critic = Critic(critic_config.hidden_size, backbone, dtype, source.origin)
    if source.has_head:
        _take_head(critic, source, scale, args.normalize_returns)
    return critic.to(reference.device)


class _Source:
    """What `critic_model_path` names.

    Attributes:
        folder: what the backbone is loaded from; None for a copy of the policy.
        has_head: whether a value head lies there, that of a PPO run's critic.
        origin: both in words.
    """

    def __init__(self, path: str | None) -> None:
        self.folder, self.has_head = path, False
        if path is None:
            self.origin = "a copy of the policy under a new value head"
            return
        inside = Path(path) / CRITIC_FOLDER
        if (inside / "config.json").is_file():
            self.folder = str(inside)
        config = AutoConfig.from_pretrained(self.folder)
        if hasattr(config, CRITIC_MARK):
            self.has_head, self.origin = True, f"the critic of a PPO run with its value head, from {self.folder}"
        elif saved_value_head(self.folder) is not None:
            self.has_head, self.origin = True, f"the shared critic of a PPO run, its policy's backbone with the value head, from {self.folder}"
        elif _is_reward_model(config):
            self.origin = f"the backbone of a reward model under a new value head, from {self.folder}"
        else:
            self.origin = f"the backbone of a language model under a new value head, from {self.folder}"


def _is_reward_model(config: PretrainedConfig) -> bool:
    names = config.architectures or []
    return any(part in name for name in names for part in ("ForSequenceClassification", "ForTokenClassification", "Reward"))


def _take_head(critic: Critic, source: _Source, scale: ReturnScale, normalize: bool) -> None:
    """Give a critic the head of an earlier run's, which returns values, and the moments of the returns that it learned in."""
    head = saved_value_head(source.folder)
    if normalize:
        scale.load(head.moments)
        weight, bias = head.weight / scale.spread, (head.bias - scale.centre) / scale.spread
    else:
        weight, bias = head.weight, head.bias
    with torch.no_grad(), _gathered(critic.head.weight, critic.head.bias):
        critic.head.weight.copy_(weight)
        critic.head.bias.copy_(bias)


def _gathered(*parameters: nn.Parameter) -> Any:
    import contextlib

    if not is_deepspeed_zero3_enabled() or not hasattr(parameters[0], "ds_id"):
        return contextlib.nullcontext()
    import deepspeed

    return deepspeed.zero.GatheredParameters(list(parameters), modifier_rank=0)


def _copy_backbone(policy: nn.Module) -> nn.Module:
    base = policy.get_base_model() if is_peft_model(policy) else policy
    if getattr(base, "is_quantized", False):
        raise ValueError(
            "critic='separate' copies the policy, and a quantized policy cannot be trained as a critic. Set critic='shared', or "
            "critic_model_path to an unquantized model with the same tokenizer."
        )
    if is_peft_model(policy):
        base = copy.deepcopy(policy).merge_and_unload()
        return base.base_model
    return copy.deepcopy(base.base_model)


def _with_lora(backbone: nn.Module, policy: nn.Module, peft_config: PeftConfig | None, args: PPOConfig) -> nn.Module:
    from peft import get_peft_model

    peft_config = peft_config or (policy.peft_config["default"] if is_peft_model(policy) else None)
    if peft_config is None:
        raise ValueError("critic_lora=True takes the policy's LoRA configuration, and the policy has none: pass peft_config to PPOTrainer.")
    peft_config = copy.deepcopy(peft_config)
    if isinstance(peft_config.target_modules, (set, list)):  # an adapter that has been attached names "all-linear" as paths from its model
        prefix = f"{(policy.get_base_model() if is_peft_model(policy) else policy).base_model_prefix}."
        peft_config.target_modules = {name.removeprefix(prefix) for name in peft_config.target_modules}
    peft_config.task_type, peft_config.modules_to_save, peft_config.inference_mode = "FEATURE_EXTRACTION", None, False
    if args.disable_dropout and hasattr(peft_config, "lora_dropout"):
        peft_config.lora_dropout = 0.0
    backbone = get_peft_model(backbone, peft_config)
    if args.gradient_checkpointing:
        backbone.enable_input_require_grads()  # as GRPOTrainer does for the policy
    return backbone
