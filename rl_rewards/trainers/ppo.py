"""PPOTrainer: GRPOTrainer with a critic.

Generation, reward functions, logs, vLLM, PEFT, tools and evaluation are GRPOTrainer's. What changes is the advantage: GRPO compares the
completions of one prompt and gives every token of a completion the same; PPO (Schulman et al., 1707.06347) asks a critic what each state
was worth and gives each token its own.
"""

from __future__ import annotations

import copy
import inspect
import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from torch import Tensor, nn
from trl import GRPOTrainer
from trl.trainer.utils import get_config_model_id

from rl_rewards.models.positions import WithPositions, ignores_padding, takes_positions
from rl_rewards.trainers import compat, gae  # noqa: F401  (compat checks the installed TRL when imported)
from rl_rewards.trainers.batches import EpochSampler, reshuffled
from rl_rewards.trainers.critic import without_critic
from rl_rewards.trainers.critic_trainer import CriticTrainer
from rl_rewards.trainers.dropout import disable_dropout
from rl_rewards.trainers.ppo_config import PPOConfig
from rl_rewards.trainers.return_scale import ReturnScale
from rl_rewards.trl.left_out import leave_out_of_rewards

__all__ = ["PPOConfig", "PPOTrainer"]

# Inputs of the policy's forward beside the tokens (images and their kin): those that GRPOTrainer's own forward pass takes.
_MODALITIES = [
    name
    for name in inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters
    if name not in ("self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy", "compute_aux_loss")
]


class _PolicyAndValues:
    """Stands for the model in GRPOTrainer's loss: asks for values in the same forward and keeps them."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.values: Tensor | None = None

    def __call__(self, **inputs: Any) -> Any:
        output = self.model(**inputs, values=True)
        self.values = output.state_values
        return output


class _ValuesOnly:
    """Stands for the model in GRPOTrainer's forward pass over a rollout: hands out values where it collects log-probabilities."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, **inputs: Any) -> Any:
        return SimpleNamespace(log_probs=self.model(**inputs, values=True, log_probs=False).state_values)


class PPOTrainer(CriticTrainer):
    """Train a policy with PPO and a critic on ordinary GRPOTrainer reward functions.

    Takes GRPOTrainer's arguments, with a PPOConfig. A completion whose rewards are all None or NaN carries no gradient and no value
    target. Beside GRPOTrainer's logs (`kl` is that of the reward here): `critic/value_loss`, `critic/clip_ratio`,
    `critic/explained_variance`, `critic/value_mean`, `critic/return_mean`, `critic/return_std`, `critic/grad_norm` and `policy_loss`.

    Checkpoints hold the policy as usual, the critic beside it, and the rollout in use, so that a resumed run goes on as if never stopped.

    Raises:
        ValueError: an optimizer passed in (the critic's parameters would not be in it), or an infinite reward, by name.

    Example:
        >>> trainer = PPOTrainer(
        ...     "Qwen/Qwen3-0.6B",
        ...     reward_funcs=rubric.reward_funcs,
        ...     args=PPOConfig("out", reward_weights=rubric.reward_weights),
        ...     train_dataset=dataset,
        ... )
        >>> trainer.train()
    """

    _tag_names = ["trl", "ppo"]
    _name = "PPO"
    _paper = {
        "title": "Proximal Policy Optimization Algorithms",
        "id": "1707.06347",
        "citation": textwrap.dedent("""\
            @article{schulman2017proximal,
                title        = {{Proximal Policy Optimization Algorithms}},
                author       = {John Schulman and Filip Wolski and Prafulla Dhariwal and Alec Radford and Oleg Klimov},
                year         = 2017,
                eprint       = {arXiv:1707.06347},
            }"""),
    }

    def __init__(
        self, model: str | nn.Module, reward_funcs: Callable | list[Any] | None = None, args: PPOConfig | None = None,
        train_dataset: Dataset | IterableDataset | None = None, eval_dataset: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if args is None:
            name = model if isinstance(model, str) else get_config_model_id(model.config)
            args = PPOConfig(f"{name.split('/')[-1]}-PPO")
        if not isinstance(args, PPOConfig):
            raise TypeError(f"args of PPOTrainer must be a PPOConfig, got {type(args).__name__}.")
        if args.critic != "none" and any(part is not None for part in kwargs.get("optimizers", ())):
            raise ValueError(
                "PPOTrainer builds its optimizer, because the critic's parameters must be in it: drop `optimizers` and set `optim`, "
                "`learning_rate`, `critic_learning_rate` and `lr_scheduler_type` in PPOConfig."
            )
        critic_peft_config = copy.deepcopy(kwargs.get("peft_config"))  # attached to the policy, it is written over with the policy's layers
        super().__init__(model, reward_funcs, args, train_dataset, eval_dataset, **kwargs)
        self._scores = torch.empty(0)  # reward of each completion of this process, set by _calculate_rewards
        self.return_scale = ReturnScale()
        self.critic_scale = self.return_scale if args.normalize_returns else ReturnScale()
        if args.disable_dropout:  # TRL's own switch knows modules, and not the rates that layers keep as numbers
            for part in (self.model, self.ref_model):
                if part is not None:
                    disable_dropout(part)
        self._padding_is_safe, self._gives_positions, self._leaves_out = False, True, True  # what rl_rewards.trl sees to in other trainers
        self._positions = not self._is_vlm and takes_positions(self.model)  # a model that reads images counts its positions itself
        if args.critic != "none":
            self._carry(critic_peft_config)

    # ---- Rollout: rewards, values, advantages ----

    def _get_train_sampler(self, dataset: Dataset | None = None) -> Any:
        sampler = super()._get_train_sampler(dataset)
        return EpochSampler.like(sampler, self.args.seed if self.args.data_seed is None else self.args.data_seed, lambda: self.state.epoch or 0.0)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if self.model.training and self._buffered_inputs is not None:
            steps = self.args.steps_per_generation
            if self._step % steps == 0 and self._step % (steps * self.num_iterations) != 0:  # another pass over the same rollout
                self._buffered_inputs = reshuffled(self._buffered_inputs)
        return super()._prepare_inputs(generation_batch)

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        if self._positions:
            model = WithPositions(model)
        return super()._get_per_token_logps_and_entropies(model, *args, **kwargs)

    def _calculate_rewards(self, inputs: list[dict], prompts: list, completions: list, completion_ids_list: list) -> Tensor:
        calculate = super()._calculate_rewards
        rewards_per_func = leave_out_of_rewards(self, lambda: calculate(inputs, prompts, completions, completion_ids_list))
        if (infinite := torch.isinf(rewards_per_func)).any():
            row, column = infinite.nonzero()[0].tolist()
            raise ValueError(
                f"Reward function '{self.reward_func_names[column]}' returned {rewards_per_func[row, column].item()} for completion {row} of "
                "the batch. A reward is a finite number, or None or NaN where there is none."
            )
        scores = (rewards_per_func * self.reward_weights.to(rewards_per_func.device)).nansum(dim=1)
        scores[torch.isnan(rewards_per_func).all(dim=1)] = torch.nan
        first = self.accelerator.process_index * len(prompts)
        self._scores = scores[first : first + len(prompts)]
        return rewards_per_func

    @torch.no_grad()
    def _generate_and_score_completions(self, inputs: list[dict]) -> dict[str, Any]:
        rollout = super()._generate_and_score_completions(inputs)
        self._check_padding(rollout["prompt_mask"])
        metrics = self._metrics["train" if self.model.training else "eval"]
        scored = ~torch.isnan(self._scores)
        scores = self._scores.nan_to_num(nan=0.0)

        # The tokens that count: chosen by the policy, in a completion that has a reward. GRPOTrainer's loss reads them under this name.
        mask = rollout["completion_mask"] * rollout.get("tool_mask", 1) * scored.unsqueeze(1)
        rollout["tool_mask"] = mask
        rollout["num_items_in_batch"] = self._sum(mask.sum())

        truncated = self._truncated(rollout)
        if (self.num_generations if self.model.training else self.num_generations_eval) == 1:
            metrics.pop("frac_reward_zero_std")  # a group of one has no spread, which says nothing of the batch

        kl = None
        if self.beta != 0.0:
            if "old_per_token_logps" not in rollout:  # GRPOTrainer leaves them out where the loss can do without
                rollout["old_per_token_logps"] = self._forward(self.model, rollout, rollout["completion_ids"].size(1))
            kl = gae.kl_per_token(rollout["old_per_token_logps"], rollout["ref_per_token_logps"], self.args.kl_estimator)
            metrics["kl"].append(gae.masked_moments(kl, mask, self._sum)[0].item())

        cut = truncated & self.args.bootstrap_truncated
        scores = scores * ~cut
        if self.args.missing_eos_penalty is not None:
            scores = scores - self.args.missing_eos_penalty * truncated
        rewards = gae.token_rewards(scores, mask, kl, self.beta)
        if self.model.training:  # before values are read: the first rollout's mean is the first value
            returns, _ = gae.advantages_and_returns(rewards, torch.zeros_like(rewards), mask, self.args.gamma, 1.0)
            self.return_scale.update(returns, mask * ~cut.unsqueeze(1), self._sum)

        value_after_end = None
        if self.args.critic == "none":
            values = torch.zeros_like(mask, dtype=torch.float32)
        else:
            states = self._forward(_ValuesOnly(self.model), rollout, rollout["completion_ids"].size(1) + 1)  # (B, T + 1)
            states = self.critic_scale.values(states)
            values = states[:, :-1]
            if self.args.bootstrap_truncated:
                # Time limits as partial episodes: Pardo et al., "Time Limits in Reinforcement Learning" (1712.00378), section 3.
                end = rollout["completion_mask"].sum(1, keepdim=True)
                value_after_end = states.gather(1, end).squeeze(1) * truncated
        advantages, returns = gae.advantages_and_returns(rewards, values, mask, self.args.gamma, self.args.lam, value_after_end)
        if self.args.critic_lam != self.args.lam:
            _, returns = gae.advantages_and_returns(rewards, values, mask, self.args.gamma, self.args.critic_lam, value_after_end)
        self._show_advantages(advantages, mask)
        if self.args.whiten_advantages:  # in units of the returns' spread: rewards of any size are whitened alike
            rollout["advantages"] = gae.whiten(advantages / self.return_scale.spread, mask, self._sum)
        else:
            rollout["advantages"] = advantages
        if self.loss_type in ("grpo", "dr_grpo"):  # means over completions: of those that have a reward
            rows, with_reward = self._sum(torch.stack([torch.ones_like(scored).sum(), scored.sum()]))
            rollout["advantages"] = rollout["advantages"] * (rows / with_reward.clamp(min=1))
        if self.args.critic != "none":
            rollout["old_values"], rollout["returns"] = values, returns
            mean, variance = gae.masked_moments(returns, mask, self._sum)
            metrics["critic/value_mean"].append(gae.masked_moments(values, mask, self._sum)[0].item())
            metrics["critic/return_mean"].append(mean.item())
            metrics["critic/return_std"].append(variance.sqrt().item())
            metrics["critic/explained_variance"].append(gae.explained_variance(values, returns, mask, self._sum).item())
        return rollout

    def _check_padding(self, prompt_mask: Tensor) -> None:
        """Refuse prompts of different lengths where the policy counts padding as positions and cannot be given others."""
        if self._positions or self._is_vlm or self._padding_is_safe or not bool((prompt_mask[:, 0] == 0).any()):
            return
        with without_critic(self.accelerator.unwrap_model(self.model)):
            self._padding_is_safe = self._dist.is_zero3 or self.is_fsdp_enabled or ignores_padding(self.accelerator.unwrap_model(self.model))
        if not self._padding_is_safe:
            name = type(self.accelerator.unwrap_model(self.model)).__name__
            raise ValueError(
                f"{name} takes no position_ids and reads a row that is padded on the left at other positions than when it was generated: "
                "train it with prompts of one length in tokens, or take a policy whose forward has position_ids."
            )

    def _forward(self, model: Any, rollout: dict[str, Any], last: int) -> Tensor:
        """Run `model` over the rollout in batches of the configured size; return its last columns, (B, last)."""
        args = self.args
        outputs, _, _ = self._get_per_token_logps_and_entropies(
            model,
            torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1),
            torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1),
            last,
            batch_size=args.per_device_train_batch_size if self.model.training else args.per_device_eval_batch_size,
            **{name: rollout[name] for name in _MODALITIES if name in rollout},
        )
        return outputs

    def _truncated(self, rollout: dict[str, Any]) -> Tensor:
        """Find the completions (B,) that were cut off: not empty, and not ended by an EOS token."""
        length = rollout["completion_mask"].sum(1)
        last = rollout["completion_ids"].gather(1, (length - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        ends = torch.tensor([*self.eos_token_ids, self._tokenizer.pad_token_id], device=last.device)
        return (length > 0) & ~torch.isin(last, ends)

    def _show_advantages(self, advantages: Tensor, mask: Tensor) -> None:
        """Put each completion's mean advantage, before whitening, in the completions table instead of the group's."""
        means = self.accelerator.gather((advantages * mask).sum(1) / mask.sum(1).clamp(min=1)).tolist()
        table = self._logs["advantages"]
        for _ in range(min(len(means), len(table))):
            table.pop()
        table.extend(means)

    # ---- Loss ----

    def _compute_loss(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        beta, self.beta = self.beta, 0.0  # the KL term is in the rewards, so GRPOTrainer must not add its own to the loss
        try:
            if self.args.critic == "none":
                policy_loss = super()._compute_loss(model, inputs)
                self._log_policy_loss(policy_loss)
                return policy_loss
            self.critic.head_only = self.args.critic == "shared" and self._warming_up()
            both = _PolicyAndValues(model)
            policy_loss = super()._compute_loss(both, inputs)
        finally:
            self.beta = beta
        self._log_policy_loss(policy_loss)
        value_loss = self._value_loss(both.values, inputs)
        # Times 0 and not left out: DDP waits for a gradient of every parameter.
        return policy_loss * (0.0 if self._warming_up() else 1.0) + self.args.vf_coef * value_loss

    def _value_loss(self, states: Tensor, inputs: dict[str, Any]) -> Tensor:
        """Compute the critic's loss of a mini-batch, in its own unit, from its outputs (B, P + T), and log it."""
        mode = "train" if self.model.training else "eval"
        mask, scale = inputs["tool_mask"], self.critic_scale
        outputs = states[:, -mask.size(1) - 1 : -1]  # entry t of the forward is the state after token t
        old, target = scale.outputs(inputs["old_values"]), scale.outputs(inputs["returns"])
        per_token, clipped = gae.value_loss(outputs, old, target, self.args.cliprange_value)
        # The mean over the tokens of one accumulation window on all processes, as GRPOTrainer's "dapo" takes it: the gradient is then
        # the same however the batch is split.
        normalizer = inputs["num_items_in_batch"].clamp(min=1.0) / self.accelerator.num_processes
        if mode == "train":
            normalizer = normalizer * self.current_gradient_accumulation_steps / self.args.steps_per_generation
        totals = self._sum(torch.stack([(per_token * mask).sum(), (clipped * mask).sum(), mask.sum()]).detach().float())
        self._metrics[mode]["critic/value_loss"].append((totals[0] / totals[2].clamp(min=1.0)).item())
        self._metrics[mode]["critic/clip_ratio"].append((totals[1] / totals[2].clamp(min=1.0)).item())
        return (per_token * mask).sum() / normalizer

    def _log_policy_loss(self, loss: Tensor) -> None:
        """Log the clipped surrogate of a mini-batch, without the factor of gradient accumulation and what GRPOTrainer added to it."""
        mode = "train" if self.model.training else "eval"
        metrics = self._metrics[mode]
        share = self.current_gradient_accumulation_steps if mode == "train" else 1.0
        if self._entropy_bonus_enabled:  # GRPOTrainer has logged it already, "dapo" with the factor
            if self.loss_type == "dapo":
                metrics["policy_loss"][-1] *= share
            return
        value = self.accelerator.gather(loss.detach()).mean().item() * share
        if self.aux_loss_enabled:
            value -= self.router_aux_loss_coef * metrics["aux_loss"][-1]
        metrics["policy_loss"].append(value)
