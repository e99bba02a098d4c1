"""The critic: values of states, and how they come out of the wrapped model's forward.

The critic is a submodule of the policy and runs inside the policy's forward. So DDP, FSDP and DeepSpeed, which wrap one module and
watch one forward, shard its parameters, reduce its gradients and checkpoint it with the policy's, with no second engine. The policy
remains a model of its own: generation never calls the critic, and `without_critic` hides it where only the policy is meant (saving a
model, sending weights to vLLM).
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import is_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from trl.trainer.utils import FusedCausalLMOutput, disable_dropout_in_model, get_config_model_id

if TYPE_CHECKING:
    from peft import PeftConfig

    from rl_rewards.trainers.ppo_config import PPOConfig

CRITIC_FILE = "critic.safetensors"

# What the policy's forward is given for its language-model head, which a backbone alone does not know.
_HEAD_INPUTS = ("labels", "shift_labels", "num_items_in_batch", "fused_lm_head", "output_router_logits")


@dataclass
class PolicyAndValuesOutput(FusedCausalLMOutput):
    """TRL's per-token log-probabilities, and `state_values` (B, P + T): entry t is the value of the state after token t has been read."""

    state_values: Tensor | None = None  # not `values`: an output is a dict, and DDP walks through its values()


class Critic(nn.Module):
    """A linear head that reads the value of a state from a hidden state: of a backbone of its own, or of the policy's.

    The head starts at zero, so the first advantages are those of a run without critic.
    """

    def __init__(self, hidden_size: int, backbone: nn.Module | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(hidden_size, 1, dtype=dtype)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head_only = False  # during warm-up of a shared critic: a value loss in the policy's backbone would change the policy

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Read values (B, L) in float32 from hidden states (B, L, H)."""
        if self.head_only:
            hidden_states = hidden_states.detach()
        with torch.autocast(hidden_states.device.type, enabled=False):
            return self.head(hidden_states.to(self.head.weight.dtype)).squeeze(-1).float()


def build_critic(policy: nn.Module, args: PPOConfig, peft_config: PeftConfig | None = None) -> Critic:
    """Make the critic that `args` asks for, on the policy's device and in its dtype.

    Args:
        policy: the causal LM, or its PeftModel.
        args: `critic`, `critic_model_path`, `critic_lora`, `disable_dropout`.
        peft_config: the policy's, from which a LoRA critic takes its own.

    Raises:
        ValueError: a critic whose vocabulary cannot hold the policy's token ids; LoRA for a policy without; a copy of a quantized policy.
    """
    reference = next(policy.parameters())
    text_config = policy.config.get_text_config()
    if args.critic == "shared":
        return Critic(text_config.hidden_size, dtype=policy.dtype).to(reference.device)

    backbone = _load_backbone(policy, args) if args.critic_model_path is not None or is_deepspeed_zero3_enabled() else _copy_backbone(policy)
    critic_config = backbone.config.get_text_config()
    if critic_config.vocab_size < text_config.vocab_size:
        raise ValueError(
            f"critic_model_path={args.critic_model_path!r} has a vocabulary of {critic_config.vocab_size} tokens, the policy one of "
            f"{text_config.vocab_size}: the critic reads the policy's token ids, so it needs the same tokenizer."
        )
    if args.disable_dropout:
        disable_dropout_in_model(backbone)
    backbone.requires_grad_(True)
    if args.critic_lora:
        backbone = _with_lora(backbone, policy, peft_config, args)
    return Critic(critic_config.hidden_size, backbone, dtype=policy.dtype).to(reference.device)


def _load_backbone(policy: nn.Module, args: PPOConfig) -> nn.Module:
    """Load the backbone of a causal LM or of a reward model; under ZeRO-3 the policy's own too, as sharded parameters cannot be copied."""
    return AutoModel.from_pretrained(
        args.critic_model_path or get_config_model_id(policy.config),
        dtype=policy.dtype,
        attn_implementation=policy.config._attn_implementation,
        trust_remote_code=args.trust_remote_code,
    )


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
    backbone = get_peft_model(backbone, peft_config)
    if args.gradient_checkpointing:
        backbone.enable_input_require_grads()  # as GRPOTrainer does for the policy
    return backbone


def attach_critic(policy: nn.Module, critic: Critic) -> None:
    """Make the critic a submodule of the policy and let the policy's forward return values.

    `policy(..., values=True)` returns a PolicyAndValuesOutput; with `log_probs=False` only values are computed, and a critic with a
    backbone then spares the policy's. Any other call, generation included, is the policy's own. `save_pretrained` writes the policy alone.
    """
    policy.critic = critic
    policy_forward, policy_save = policy.forward, policy.save_pretrained

    @functools.wraps(policy_forward)  # `generate` reads the signature
    def forward(self: nn.Module, *args: Any, values: bool = False, log_probs: bool = True, **kwargs: Any) -> Any:
        if not values:
            return policy_forward(*args, **kwargs)
        critic: Critic = self.critic
        backbone_inputs = {name: value for name, value in kwargs.items() if name not in _HEAD_INPUTS}
        if critic.backbone is not None:
            output = policy_forward(*args, **kwargs) if log_probs else {}
            hidden_states = critic.backbone(**backbone_inputs, use_cache=False).last_hidden_state
        elif log_probs:
            with _last_hidden_state(_backbone(self)) as seen:
                output = policy_forward(*args, **kwargs)
            hidden_states = seen[-1]
        else:
            output, hidden_states = {}, _backbone(self)(**backbone_inputs, use_cache=False).last_hidden_state
        return PolicyAndValuesOutput(**output, state_values=critic(hidden_states))

    @functools.wraps(policy_save)
    def save_pretrained(self: nn.Module, save_directory: str, *, state_dict: dict[str, Tensor] | None = None, **kwargs: Any) -> Any:
        if state_dict is not None:
            state_dict = {name: value for name, value in state_dict.items() if not name.startswith("critic.")}
        with without_critic(self):
            return policy_save(save_directory, state_dict=state_dict, **kwargs)

    # Bound methods, as TRL's own fused head: accelerate rebinds `forward.__func__` for mixed precision.
    policy.forward = types.MethodType(forward, policy)
    policy.save_pretrained = types.MethodType(save_pretrained, policy)


def _backbone(policy: nn.Module) -> nn.Module:
    """The policy's backbone, looked up on each call because FSDP and PEFT replace it."""
    return (policy.get_base_model() if is_peft_model(policy) else policy).base_model


@contextmanager
def _last_hidden_state(backbone: nn.Module) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    handle = backbone.register_forward_hook(lambda module, inputs, output: seen.append(output.last_hidden_state))
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def without_critic(policy: nn.Module) -> Iterator[None]:
    """Hide the critic: inside, the policy's modules, parameters and state dict are its own."""
    critic = policy._modules.pop("critic", None)
    try:
        yield
    finally:
        if critic is not None:
            policy._modules["critic"] = critic


def save_critic(critic: Critic, state_dict: dict[str, Tensor], folder: str | Path) -> None:
    """Write the critic's part of the policy's `state_dict` to `folder`/critic.safetensors: all of it, or what LoRA trains."""
    frozen = {name for name, parameter in critic.named_parameters() if not parameter.requires_grad}
    own = {name.removeprefix("critic."): value for name, value in state_dict.items() if name.startswith("critic.")}
    own = {name: value.detach().contiguous() for name, value in own.items() if name not in frozen}
    if own:  # empty under ZeRO-3 without stage3_gather_16bit_weights_on_model_save: DeepSpeed's own checkpoint holds it
        save_file(own, Path(folder) / CRITIC_FILE)


def load_critic(critic: Critic, folder: str | Path) -> None:
    """Restore what `save_critic` wrote.

    Raises:
        FileNotFoundError: the folder holds no critic, so it is not a checkpoint of a PPO run with one.
        ValueError: the critic there is of another kind than the one configured.
    """
    path = Path(folder) / CRITIC_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {CRITIC_FILE}: it is not a checkpoint of PPOTrainer with a critic of its own.")
    result = critic.load_state_dict(load_file(path), strict=False)
    frozen = {name for name, parameter in critic.named_parameters() if not parameter.requires_grad}
    if wrong := sorted(set(result.unexpected_keys) | (set(result.missing_keys) - frozen)):
        raise ValueError(
            f"{path} holds another kind of critic than this run's: {len(wrong)} parameters differ, {wrong[0]!r} first. Resume with the "
            "critic, critic_lora and critic_model_path of the run that wrote it."
        )
