"""What test_distributed.py starts under torchrun: policy and critic sharded by FSDP 2 over two CPU processes, one loss and its gradients.

Accelerate turns FSDP on for accelerators only, so here torch's `fully_shard` is called as accelerate calls it: each decoder layer, of the
policy and of the critic alike, then the whole.
"""

from __future__ import annotations

import sys

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

IDS = torch.arange(3, 35).view(4, 8)


def model(folder: str, critic: str) -> torch.nn.Module:
    trainer = PPOTrainer(
        tiny.policy(), tiny.digits, tiny.config(folder, critic=critic), train_dataset=tiny.prompts(), processing_class=tiny.tokenizer()
    )
    torch.manual_seed(0)
    torch.nn.init.normal_(trainer.critic.head.weight)
    return trainer.model


def gradients(policy: torch.nn.Module, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gradients of a loss that is a mean over rows, by parameter, whole."""
    mask = torch.ones_like(rows)
    with torch.no_grad():  # as at the rollout, before any backward
        policy(input_ids=rows, attention_mask=mask, values=True, log_probs=False)
    output = policy(input_ids=rows, attention_mask=mask, labels=rows, fused_lm_head=True, values=True)
    (output.log_probs.sum(1).mean() + (output.state_values**2).sum(1).mean()).backward()
    return {name: p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad for name, p in policy.named_parameters()}


if __name__ == "__main__":
    folder = sys.argv[1]
    mesh = init_device_mesh("cpu", (2,))
    results = {}
    for critic in ("separate", "shared"):
        policy = model(folder, critic)
        for module in policy.modules():
            if isinstance(module, Qwen2DecoderLayer):
                fully_shard(module, mesh=mesh)
        fully_shard(policy, mesh=mesh)
        results[critic] = gradients(policy, IDS.chunk(2)[mesh.get_rank()])
    if mesh.get_rank() == 0:
        torch.save(results, f"{folder}/sharded.pt")
