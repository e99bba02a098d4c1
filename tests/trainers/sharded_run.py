"""What test_distributed.py starts under torchrun: policy and critic sharded over two CPU processes, one loss and its gradients.

    torchrun --nproc_per_node 2 tests/trainers/sharded_run.py FOLDER fsdp       # or zero2, zero3

The libraries are called here as accelerate calls them, so that gradients can be looked at: torch's `fully_shard` on each
decoder layer, of the policy and of the critic alike, then on the whole; DeepSpeed on the whole.
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


def loss(wrapped: torch.nn.Module, policy: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """A mean over rows of log-probabilities and values, after a pass without gradients as at a rollout."""
    mask = torch.ones_like(rows)
    with torch.no_grad():
        policy(input_ids=rows, attention_mask=mask, values=True, log_probs=False)
    output = wrapped(input_ids=rows, attention_mask=mask, labels=rows, fused_lm_head=True, values=True)
    return output.log_probs.sum(1).mean() + (output.state_values**2).sum(1).mean() / 100


def gradients(policy: torch.nn.Module, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """The loss's gradients by parameter, whole."""
    loss(policy, policy, rows).backward()
    return {name: p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad for name, p in policy.named_parameters()}


def by_fsdp(policy: torch.nn.Module) -> dict[str, torch.Tensor]:
    mesh = init_device_mesh("cpu", (2,))
    for module in policy.modules():
        if isinstance(module, Qwen2DecoderLayer):
            fully_shard(module, mesh=mesh)
    fully_shard(policy, mesh=mesh)
    return gradients(policy, IDS.chunk(2)[mesh.get_rank()])


def by_deepspeed(policy: torch.nn.Module, stage: int) -> dict[str, torch.Tensor]:
    """The gradients, read off a step of plain gradient descent with rate 1."""
    import deepspeed

    deepspeed.init_distributed("gloo")
    before = {name: parameter.detach().clone() for name, parameter in policy.named_parameters()}
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
    config = {"train_micro_batch_size_per_gpu": 2, "gradient_clipping": 0.0, "zero_optimization": {"stage": stage}}
    config |= {"zero_allow_untested_optimizer": True, "zero_force_ds_cpu_optimizer": False}
    engine, *_ = deepspeed.initialize(model=policy, optimizer=optimizer, config=config)
    engine.backward(loss(engine, policy, IDS.chunk(2)[torch.distributed.get_rank()]))
    engine.step()
    result = {}
    for name, parameter in policy.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter], enabled=stage == 3):
            result[name] = before[name] - parameter.detach()
    return result


if __name__ == "__main__":
    folder, way = sys.argv[1:]
    results = {}
    for critic in ("separate", "shared"):
        policy = model(folder, critic)
        results[critic] = by_fsdp(policy) if way == "fsdp" else by_deepspeed(policy, int(way.removeprefix("zero")))
    if torch.distributed.get_rank() == 0:
        torch.save(results, f"{folder}/sharded.pt")
