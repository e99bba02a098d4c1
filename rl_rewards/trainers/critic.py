"""The critic: values of states, and how they come out of the wrapped model's forward.

The critic is a submodule of the policy and runs inside the policy's forward. So DDP, FSDP and DeepSpeed, which wrap one module and
watch one forward, shard its parameters, reduce its gradients and checkpoint it with the policy's, with no second engine. The policy
remains a model of its own: generation never calls the critic, and `without_critic` hides it where only the policy is meant (saving a
model, sending weights to vLLM, generation, the callbacks of TRL and transformers).
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch import Tensor, nn
from trl.trainer.utils import FusedCausalLMOutput

__all__ = ["Critic", "PolicyAndValuesOutput", "attach_critic", "critic_of", "parameters_without_critic", "with_critic", "without_critic"]

# What the policy's forward is given for its language-model head, which a backbone alone does not know.
_HEAD_INPUTS = ("labels", "shift_labels", "num_items_in_batch", "fused_lm_head", "output_router_logits")


@dataclass
class PolicyAndValuesOutput(FusedCausalLMOutput):
    """TRL's per-token log-probabilities, and `state_values` (B, P + T): entry t is the critic's output after token t has been read."""

    state_values: Tensor | None = None  # not `values`: an output is a dict, and DDP walks through its values()


class Critic(nn.Module):
    """A linear head that reads the value of a state from a hidden state: of a backbone of its own, or of the policy's.

    The head starts at zero. Its output is a value, or with `normalize_returns` what `ReturnScale.values` takes.

    Attributes:
        origin: what the critic started from, in words.
    """

    def __init__(self, hidden_size: int, backbone: nn.Module | None = None, dtype: torch.dtype | None = None, origin: str = "") -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(hidden_size, 1, dtype=dtype)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head_only = False  # during warm-up of a shared critic: a value loss in the policy's backbone would change the policy
        self.origin = origin

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Read values (B, L) in float32 from hidden states (B, L, H)."""
        if self.head_only:
            hidden_states = hidden_states.detach()
        with torch.autocast(hidden_states.device.type, enabled=False):
            return self.head(hidden_states.to(self.head.weight.dtype)).squeeze(-1).float()


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
        critic = critic_of(self)
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


def critic_of(policy: nn.Module) -> Critic | None:
    """The policy's critic, hidden or not; None where it has none."""
    return policy._modules.get("critic") or policy.__dict__.get("_hidden_critic")


@contextmanager
def without_critic(policy: nn.Module) -> Iterator[None]:
    """Hide the critic: inside, the policy's modules, parameters and state dict are its own. Values can be computed all the same."""
    critic = policy._modules.pop("critic", None)
    if critic is None:  # none, or hidden already
        yield
        return
    policy.__dict__["_hidden_critic"] = critic
    try:
        yield
    finally:
        del policy.__dict__["_hidden_critic"]
        policy._modules["critic"] = critic


@contextmanager
def with_critic(policy: nn.Module) -> Iterator[None]:
    """Show a hidden critic again, as where a callback that was spared it saves or trains."""
    critic = policy.__dict__.pop("_hidden_critic", None)
    if critic is None:
        yield
        return
    policy._modules["critic"] = critic
    try:
        yield
    finally:
        del policy._modules["critic"]
        policy.__dict__["_hidden_critic"] = critic


@contextmanager
def parameters_without_critic(wrapped: nn.Module, policy: nn.Module) -> Iterator[None]:
    """Let `wrapped.parameters()` leave out the critic, though its modules stay: DeepSpeed's hooks are set and removed module by module."""
    wrapped.__dict__["parameters"] = lambda recurse=True: _own_parameters(policy)
    try:
        yield
    finally:
        del wrapped.__dict__["parameters"]


def _own_parameters(policy: nn.Module) -> Iterator[nn.Parameter]:
    with without_critic(policy):
        return iter(list(nn.Module.parameters(policy)))
