"""The private parts of TRL and transformers that PPOTrainer leans on, named here and checked when it is imported.

PPOTrainer is GRPOTrainer with another advantage and a critic, so it overrides and reads parts of GRPOTrainer that are not promised to
stay. An incompatible version is refused here, by name, and not met as a wrong gradient at step 500.
"""

from __future__ import annotations

import inspect

import trl
from trl import GRPOTrainer
from trl.trainer import utils as trl_utils

TESTED = "1.16.0"

# Methods that PPOTrainer overrides or calls, with the parameters it passes or reads.
METHODS: dict[str, tuple[str, ...]] = {
    "_calculate_rewards": ("inputs", "prompts", "completions", "completion_ids_list"),
    "_generate_and_score_completions": ("inputs",),
    "_compute_loss": ("model", "inputs"),
    "_get_per_token_logps_and_entropies": ("model", "input_ids", "attention_mask", "logits_to_keep", "batch_size"),
    "_generate_single_turn": ("prompt_ids", "images", "multimodal_fields", "num_generations"),
    "_get_train_sampler": ("dataset",),
    "_prepare_inputs": ("generation_batch",),
    "_load_best_model": (),
    "_save": ("output_dir", "state_dict"),
    "_save_rng_state": ("output_dir",),
    "_load_from_checkpoint": ("resume_from_checkpoint", "model"),
    "_load_optimizer_and_scheduler": ("checkpoint",),
    "_clip_grad_norm": ("model",),
    "create_optimizer": ("model",),
    "create_scheduler": ("num_training_steps", "optimizer"),
}

# What PPOTrainer expects to find in the source of a method: attributes it reads or replaces, the entries of the rollout, and the sentence
# in the loss that takes an advantage for each token.
SOURCES: dict[str, tuple[str, ...]] = {
    "__init__": ("self._metrics", "self._logs", "self._step", "self._buffered_inputs", "self.eos_token_ids", "self.reward_weights",
                 "self.vllm_generation", "self.beta", "self._dist", "self._is_vlm", "self._entropy_bonus_enabled", "self.aux_loss_enabled",
                 "SyncRefModelCallback("),
    "_generate_single_turn": ("unwrap_model_for_generation(", "self.model_wrapped"),
    "_get_train_sampler": ("RepeatSampler(",),
    "_generate_and_score_completions": ('"prompt_ids"', '"prompt_mask"', '"completion_ids"', '"completion_mask"', '"advantages"',
                                        '"num_items_in_batch"', '"old_per_token_logps"', '"ref_per_token_logps"', '"tool_mask"',
                                        'self._logs["advantages"]'),
    "_get_per_token_logps_and_entropies": ("fused_lm_head=True", "log_probs[:, -logits_to_keep:]"),
    "_compute_loss": ("advantages.dim() == 1", 'inputs["tool_mask"]', "self.beta != 0.0", 'inputs["num_items_in_batch"]',
                      'self._metrics[mode]["policy_loss"]', "policy_loss = loss.detach()", 'self._metrics[mode]["aux_loss"]'),
    "_prepare_inputs": ("self._buffered_inputs[self._step % self.args.steps_per_generation]", "shuffle_sequence_dict("),
}  # fmt: skip


def missing_parts(trainer: type = GRPOTrainer) -> list[str]:
    """List the parts in METHODS and SOURCES that `trainer` lacks, as sentences; empty when it is compatible."""
    missing = []
    for name, parameters in METHODS.items():
        method = getattr(trainer, name, None)
        if method is None:
            missing.append(f"{trainer.__name__}.{name} is gone")
            continue
        signature = inspect.signature(method).parameters
        missing += [f"{trainer.__name__}.{name} has no parameter '{parameter}'" for parameter in parameters if parameter not in signature]
    for name, phrases in SOURCES.items():
        if (method := getattr(trainer, name, None)) is not None:
            source = inspect.getsource(inspect.unwrap(method))
            missing += [f"{trainer.__name__}.{name} no longer contains `{phrase}`" for phrase in phrases if phrase not in source]
    if not hasattr(trl_utils, "FusedCausalLMOutput"):
        missing.append("trl.trainer.utils.FusedCausalLMOutput is gone")
    return missing


def check(trainer: type = GRPOTrainer) -> None:
    """Refuse an installed TRL that PPOTrainer would misread.

    Raises:
        ImportError: naming the installed version and every part that is missing.
    """
    if missing := missing_parts(trainer):
        raise ImportError(
            f"PPOTrainer builds on private parts of TRL's GRPOTrainer, and trl {trl.__version__} differs from trl {TESTED}, with which it "
            f"was tested: {'; '.join(missing)}. Install a version that has them: pip install 'trl=={TESTED}'."
        )


check()
