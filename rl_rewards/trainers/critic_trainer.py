"""GRPOTrainer with a policy that carries a critic: who sees it, what trains it, and where it is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import DistributedType, send_to_device
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from trl import GRPOTrainer

from rl_rewards.trainers.critic import Critic, attach_critic, critic_of, parameters_without_critic, with_critic, without_critic
from rl_rewards.trainers.critic_building import build_critic
from rl_rewards.trainers.critic_files import load_critic, save_critic

if TYPE_CHECKING:
    from peft import PeftConfig

    from rl_rewards.trainers.return_scale import ReturnScale

__all__ = ["CriticTrainer"]


class CriticTrainer(GRPOTrainer):
    """GRPOTrainer whose policy carries the critic that a PPOConfig asks for; the losses are PPOTrainer's.

    Attributes:
        return_scale: running mean and spread of the returns.
        critic_scale: the unit of the critic's outputs: `return_scale`, or with `normalize_returns=False` that of the rewards.
    """

    return_scale: ReturnScale
    critic_scale: ReturnScale

    @property
    def critic(self) -> Critic | None:
        """The critic, or None with `critic="none"`."""
        return critic_of(self.accelerator.unwrap_model(self.model))

    def _carry(self, peft_config: PeftConfig | None) -> None:
        """Build the critic, make it a part of the policy, and hide it from those who mean the policy alone."""
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        critic = build_critic(self.model, self.args, self.critic_scale, peft_config, sharded)
        attach_critic(self.model, critic)
        if self.args.critic_model_path is not None:
            self.accelerator.print(f"critic: {critic.origin}")
        if self.use_vllm:
            self.vllm_generation.sync_weights = without_critic(self.model)(self.vllm_generation.sync_weights)
        for callback in self.callback_handler.callbacks:
            self._spare(callback)

    # ---- Who sees it ----

    def add_callback(self, callback: Any) -> None:
        super().add_callback(callback)
        self._spare(self.callback_handler.callbacks[-1])

    def _spare(self, callback: Any) -> None:
        """Hide the critic from a callback of TRL or transformers, as these take the model for the policy: copies, averages, counts."""
        if self.args.critic == "none" or type(callback).__module__.partition(".")[0] not in ("trl", "transformers"):
            return
        for name in dir(callback):
            if name.startswith("on_") and callable(event := getattr(callback, name)):
                setattr(callback, name, without_critic(self.model)(event))

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        with self._generating():
            return super()._generate_single_turn(*args, **kwargs)

    def _generating(self) -> AbstractContextManager[None]:
        """Spare generation the critic: what it gathers (ZeRO-3) and casts (continuous batching) is the policy's."""
        if self._dist.is_zero3 and self.args.critic != "none":
            return parameters_without_critic(self.model_wrapped, self.accelerator.unwrap_model(self.model))
        return without_critic(self.accelerator.unwrap_model(self.model))

    def _sum(self, x: Tensor) -> Tensor:
        return self.accelerator.reduce(x, reduction="sum")

    def _warming_up(self) -> bool:
        return self.model.training and self.state.global_step < self.args.critic_warmup_steps

    # ---- Optimizer ----

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Split every parameter group of the usual optimizer in the policy's and the critic's, which has a learning rate of its own."""
        if self.args.critic == "none" or self.optimizer is not None:
            return super().create_optimizer(model)
        optimizer = super().create_optimizer(model)
        critic = {id(parameter) for parameter in self.critic.parameters()}
        policy_groups, critic_groups = [], []
        for group in optimizer.param_groups:
            policy_groups.append({**group, "params": [p for p in group["params"] if id(p) not in critic]})
            critic_groups.append({**group, "params": [p for p in group["params"] if id(p) in critic], "lr": self.args.critic_learning_rate})
        # The policy's come first: the first group's learning rate is the one that is logged.
        optimizer.param_groups[:] = [group for group in policy_groups + critic_groups if group["params"]]
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """Hold the learning rate over all steps on one rollout: it falls between rollouts, as in TRL's old PPOTrainer and OpenAI's baselines.

        A rate that rises, in warm-up, still does so at every step. Without several passes or mini-batches this is the usual schedule.
        """
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        if isinstance(scheduler, LambdaLR):  # all that depend on the step alone
            scheduler.lr_lambdas = [self._held(rate) for rate in scheduler.lr_lambdas]
        return scheduler

    def _held(self, rate: Callable[[int], float]) -> Callable[[int], float]:
        passes = self.args.steps_per_generation * self.args.num_iterations  # batches trained on between two generations
        accumulated = self.args.gradient_accumulation_steps
        return lambda step: max(rate(step), rate(step * accumulated // passes * passes // accumulated))

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self._warming_up():  # without a gradient the optimizer skips the policy; with one of zero, weight decay would still act
            for parameter in self._policy_parameters():
                parameter.grad = None
        return loss

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        """Clip the policy's and the critic's gradients apart, so that a large error of the critic does not shorten the policy's step."""
        shards = (DistributedType.FSDP, DistributedType.DEEPSPEED)  # these clip what they hold, all of it at once
        if self.args.critic == "none" or self.accelerator.distributed_type in shards:
            return super()._clip_grad_norm(model)
        self.accelerator.unscale_gradients()
        critic_norm = nn.utils.clip_grad_norm_(self.critic.parameters(), self.args.max_grad_norm)
        self._metrics["train"]["critic/grad_norm"].append(float(critic_norm))
        return nn.utils.clip_grad_norm_(self._policy_parameters(), self.args.max_grad_norm)

    def _policy_parameters(self) -> list[nn.Parameter]:
        with without_critic(self.accelerator.unwrap_model(self.model)):
            return list(self.model.parameters())

    # ---- Checkpoints ----

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        policy = self.accelerator.unwrap_model(self.model)
        with with_critic(policy):
            super()._save(output_dir, state_dict)
            if self.args.critic != "none" and self.args.should_save:
                states = policy.state_dict() if state_dict is None else state_dict
                save_critic(self.critic, self.critic_scale, states, output_dir or self.args.output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        if self.args.critic == "none" or self.is_fsdp_enabled:  # FSDP's own checkpoint holds the wrapped module, critic and all
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        with without_critic(self.model):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        load_critic(self.critic, self.critic_scale, resume_from_checkpoint)

    def _load_best_model(self) -> None:
        if self.args.critic == "none" or self.is_fsdp_enabled or self.is_deepspeed_enabled:  # these load the wrapped module, critic and all
            super()._load_best_model()
        else:
            with without_critic(self.model):
                super()._load_best_model()
            load_critic(self.critic, self.critic_scale, self.state.best_model_checkpoint)
        if self.args.critic != "none" and (rollout := self._saved_rollout(self.state.best_model_checkpoint)):
            self.return_scale.load(rollout["returns"])

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        # With the random state, and so before trainer_state.json, whose presence says that a checkpoint is complete.
        rollout = {"world_size": self.args.world_size, "step": self._step, "batches": self._buffered_inputs, "returns": self.return_scale.state()}
        torch.save(rollout, self._rollout_file(output_dir))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        rollout = self._saved_rollout(checkpoint)
        if rollout is not None:
            self.return_scale.load(rollout["returns"])
        # Where a process has none, since a kill was faster, or another one's share, all generate anew: processes must stay in step.
        fits = rollout is not None and rollout["world_size"] == self.args.world_size
        if self._sum(torch.tensor(float(fits), device=self.args.device)) == self.args.world_size:
            self._step, self._buffered_inputs = rollout["step"], send_to_device(rollout["batches"], self.args.device)

    def _saved_rollout(self, folder: str) -> dict[str, Any] | None:
        path = self._rollout_file(folder)
        return torch.load(path, map_location="cpu", weights_only=True) if os.path.isfile(path) else None

    def _rollout_file(self, folder: str) -> str:
        return os.path.join(folder, f"rollout_{self.args.process_index}.pt")
