"""PPOConfig: GRPOConfig and what PPO adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trl import GRPOConfig

from rl_rewards.trainers.gae import KL_ESTIMATORS

CRITICS = ("separate", "shared", "none")
# GRPOTrainer's losses that are PPO's clipped surrogate (1707.06347, eq. 7); they differ in what the sum over tokens is divided by.
CLIPPED_SURROGATES = ("dapo", "grpo", "bnpo", "dr_grpo")
# Options of GRPOConfig that PPOTrainer would not heed, with the only value that each may have, and why.
OF_OTHER_LOSSES = "is of a loss that is not PPO's clipped surrogate"
WITHOUT_EFFECT: dict[str, tuple[Any, str]] = {
    "multi_objective_aggregation": ("sum_then_normalize", "normalises over groups, which would hide the rewards from the critic"),
    "importance_sampling_level": ("token", "PPO clips the ratio of each token"),
    "off_policy_mask_threshold": (None, "keeps or drops a sequence by its one advantage, and PPO has one per token"),
    "use_bias_correction_kl": (False, "corrects a KL term in the loss, and PPO's is in the reward of each token"),
    "sapo_temperature_neg": (1.05, OF_OTHER_LOSSES),
    "sapo_temperature_pos": (1.0, OF_OTHER_LOSSES),
    "vespo_k_pos": (2.0, OF_OTHER_LOSSES),
    "vespo_lambda_pos": (3.0, OF_OTHER_LOSSES),
    "vespo_k_neg": (3.0, OF_OTHER_LOSSES),
    "vespo_lambda_neg": (2.0, OF_OTHER_LOSSES),
    "use_liger_kernel": (False, "replaces layers of the policy and not of its critic, and TRL deprecates it"),
    "label_smoothing_factor": (0.0, "smooths labels, and a rollout has none"),
    "train_sampling_strategy": ("random", "orders a data set of labelled rows; see shuffle_dataset"),
}
# Optimizers that step within the backward pass, layer by layer, with one learning rate for all.
LAYERWISE = ("lomo", "adalomo", "layerwise")


class _AnyGroup(int):
    """A group size that divides every batch: GRPOConfig asks for a group to compare, GRPOTrainer itself is content with one completion."""

    def __rmod__(self, batch: int) -> int:
        return 0

    def __lt__(self, other: int) -> bool:
        return False


@dataclass
class PPOConfig(GRPOConfig):
    """Configure PPOTrainer: every field of GRPOConfig, and the critic's.

    Fields of GRPOConfig that mean something else, or start elsewhere, here:
        beta: weight of the KL term in the reward of each token (in GRPO: of a KL term in the loss).
        num_generations: 1 by default; a critic needs no group. Rewards that compare a group's completions need 2 or more.
        scale_rewards: "none", the only value: advantages are scaled by `whiten_advantages`.
        num_iterations, epsilon, epsilon_high: passes over each batch of completions, and the policy's clipping.
        disable_dropout: True by default; with dropout the ratio of new to old probabilities is noise from the first step on.
        use_bias_correction_kl: False, the only value: it belongs to a KL term in the loss.

    Raises:
        ValueError: a value out of range, or an option of GRPOConfig that has no meaning with a critic, named with what is allowed.
    """

    num_generations: int | None = field(default=1, metadata={"help": "Completions per prompt. A critic needs no group, so 1 will do."})
    scale_rewards: str = field(default="none", metadata={"help": "Only 'none': see `whiten_advantages`."})
    disable_dropout: bool = field(default=True, metadata={"help": "Switch dropout off, in the policy, its reference model and the critic."})
    use_bias_correction_kl: bool = field(default=False, metadata={"help": "Only False: the KL term is in the reward, not in the loss."})
    critic: str = field(
        default="separate",
        metadata={
            "help": "'separate': a value model of its own, a copy of the policy unless `critic_model_path` is given; 'shared': a value head "
            "on the policy's backbone, almost free; 'none': no critic, which is REINFORCE with the batch's mean as baseline (`lam` is 1)."
        },
    )
    critic_model_path: str | None = field(
        default=None,
        metadata={
            "help": "What a separate critic starts from: the output of a PPO run, whose critic it goes on with, or the backbone of a reward "
            "model or of a language model, under a new head. It must have the policy's tokenizer."
        },
    )
    critic_lora: bool = field(default=False, metadata={"help": "Train the critic with the policy's LoRA configuration instead of in full."})
    critic_learning_rate: float = field(
        default=1e-5, metadata={"help": "Initial learning rate of the critic; it follows the same schedule as the policy's."}
    )
    critic_warmup_steps: int = field(
        default=0, metadata={"help": "Optimizer steps at the start that train the critic alone, so that the policy never follows a raw one."}
    )
    gamma: float = field(default=1.0, metadata={"help": "Discount per token."})
    lam: float | None = field(
        default=None,
        metadata={
            "help": "Lambda of generalised advantage estimation for the policy: 1 is Monte Carlo, 0 one-step TD. None is 0.95, and 1 without "
            "a critic, where any other value would favour the last tokens whatever the reward."
        },
    )
    critic_lam: float = field(
        default=1.0,
        metadata={"help": "Lambda of what the critic learns to predict. 1 is the return itself, which a raw critic cannot bias (2503.01491)."},
    )
    whiten_advantages: bool = field(
        default=True, metadata={"help": "Shift and scale advantages to mean 0 and variance 1 over the tokens of all processes."}
    )
    kl_estimator: str = field(default="k1", metadata={"help": "Estimator of the KL term in the reward: 'k1', 'k2' or 'k3'."})
    vf_coef: float = field(default=0.5, metadata={"help": "Weight of the value loss beside the policy's loss."})
    normalize_returns: bool = field(
        default=True,
        metadata={
            "help": "Let the critic learn returns less their running mean, divided by their running spread: it then starts at the mean, and "
            "learns alike whatever the rewards' unit."
        },
    )
    cliprange_value: float | None = field(
        default=0.2,
        metadata={
            "help": "How far a value may move from the old one before its loss is clipped, in standard deviations of the returns (in units "
            "of the reward without `normalize_returns`). None for no clipping."
        },
    )
    missing_eos_penalty: float | None = field(
        default=None, metadata={"help": "Subtracted from the reward of a completion that did not end in an EOS token."}
    )
    bootstrap_truncated: bool = field(
        default=False,
        metadata={
            "help": "What a completion cut off at `max_completion_length` is worth. False: its reward, the limit being part of the task. "
            "True: the critic's value of where it was cut, its reward being that of an unfinished text (1712.00378)."
        },
    )

    def __post_init__(self) -> None:
        self._check()
        if self.lam is None:
            self.lam = 1.0 if self.critic == "none" else 0.95
        single = self.num_generations == 1
        if single:
            self.num_generations, self.num_generations_eval = _AnyGroup(2), self.num_generations_eval or 1
        super().__post_init__()
        if single:
            self.num_generations = 1

    def _check(self) -> None:
        def refuse(name: str, why: str) -> None:
            raise ValueError(f"{name}={getattr(self, name)!r} in PPOConfig: {why}")

        for name, allowed in (("critic", CRITICS), ("loss_type", CLIPPED_SURROGATES), ("kl_estimator", KL_ESTIMATORS)):
            if getattr(self, name) not in allowed:
                refuse(name, f"must be one of {', '.join(map(repr, allowed))}.")
        for name in ("gamma", "lam", "critic_lam"):
            value = getattr(self, name)
            if not (value is None and name == "lam") and not 0.0 <= value <= 1.0:
                refuse(name, "must be between 0 and 1.")
        for name in ("vf_coef", "critic_learning_rate"):
            if not getattr(self, name) > 0.0:
                refuse(name, "must be greater than 0.")
        if self.cliprange_value is not None and not self.cliprange_value > 0.0:
            refuse("cliprange_value", "must be greater than 0, or None for no clipping.")
        if self.missing_eos_penalty is not None and self.missing_eos_penalty < 0.0:
            refuse("missing_eos_penalty", "is subtracted, so it must be 0 or more, or None.")
        if self.critic_warmup_steps < 0:
            refuse("critic_warmup_steps", "must be 0 or more.")

        # Options of GRPOConfig that speak of a group's or a sequence's advantage.
        if self.scale_rewards not in ("none", False):
            refuse("scale_rewards", "no group to scale by; set 'none' and use whiten_advantages.")
        for name, (allowed, why) in WITHOUT_EFFECT.items():
            if getattr(self, name) != allowed:
                refuse(name, f"{why}; must be {allowed!r}.")
        # Options that would contradict each other.
        if self.mask_truncated_completions and (self.missing_eos_penalty or self.bootstrap_truncated):
            refuse("mask_truncated_completions", "drops the completions that missing_eos_penalty and bootstrap_truncated are about.")
        if self.critic == "none":
            if self.lam not in (None, 1.0):
                refuse("lam", "without a critic must be 1, which is REINFORCE: with less, a token far from the end has less of the reward.")
            for name, unset in (
                ("bootstrap_truncated", False), ("critic_warmup_steps", 0), ("critic_lora", False), ("critic_model_path", None),
                ("critic_lam", 1.0),
            ):  # fmt: skip
                if getattr(self, name) != unset:
                    refuse(name, "needs a critic, and critic='none'.")
        elif any(kind in str(getattr(self.optim, "value", self.optim)) for kind in LAYERWISE):
            refuse("optim", "steps within the backward pass, with one learning rate for policy and critic; choose another.")
        if self.critic == "shared":
            for name, unset in (("critic_lora", False), ("critic_model_path", None)):
                if getattr(self, name) != unset:
                    refuse(name, "a shared critic is a head on the policy's backbone and has none of its own; set critic='separate'.")
