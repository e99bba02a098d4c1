from __future__ import annotations

import pytest

from rl_rewards.trainers import PPOConfig
from tests.trainers import tiny


@pytest.mark.parametrize(
    ("options", "said"),
    [
        # Losses of GRPOTrainer that are not PPO's clipped surrogate.
        ({"loss_type": "cispo"}, r"loss_type='cispo'.*'dapo', 'grpo', 'bnpo', 'dr_grpo'"),
        ({"loss_type": "sapo"}, "loss_type='sapo'"),
        ({"loss_type": "luspo"}, "loss_type='luspo'"),
        ({"loss_type": "vespo"}, "loss_type='vespo'"),
        # Options that speak of a group's or a sequence's advantage.
        ({"scale_rewards": "group"}, "scale_rewards='group'.*whiten_advantages"),
        ({"scale_rewards": True}, "scale_rewards=True"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "multi_objective_aggregation='normalize_then_sum'.*'sum_then_normalize'"),
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level='sequence'.*'token'"),
        ({"off_policy_mask_threshold": 0.5}, "off_policy_mask_threshold=0.5"),
        # Values out of range.
        ({"critic": "twin"}, "critic='twin'.*'separate', 'shared', 'none'"),
        ({"kl_estimator": "k4"}, "kl_estimator='k4'.*'k1', 'k2', 'k3'"),
        ({"gamma": 1.1}, "gamma=1.1.*between 0 and 1"),
        ({"lam": -0.1}, "lam=-0.1"),
        ({"vf_coef": 0.0}, "vf_coef=0.0"),
        ({"critic_learning_rate": 0.0}, "critic_learning_rate=0.0"),
        ({"cliprange_value": 0.0}, "cliprange_value=0.0.*None"),
        ({"missing_eos_penalty": -1.0}, "missing_eos_penalty=-1.0.*subtracted"),
        ({"critic_warmup_steps": -1}, "critic_warmup_steps=-1"),
        # Options that contradict each other.
        ({"mask_truncated_completions": True, "missing_eos_penalty": 1.0}, "mask_truncated_completions=True.*missing_eos_penalty"),
        ({"mask_truncated_completions": True, "bootstrap_truncated": True}, "mask_truncated_completions=True"),
        ({"critic": "none", "bootstrap_truncated": True}, "bootstrap_truncated=True.*critic='none'"),
        ({"critic": "none", "critic_warmup_steps": 1}, "critic_warmup_steps=1"),
        ({"critic": "none", "critic_lora": True}, "critic_lora=True"),
        ({"critic": "none", "critic_model_path": "rm"}, "critic_model_path='rm'"),
        ({"critic": "shared", "critic_lora": True}, "critic_lora=True.*'separate'"),
        ({"critic": "shared", "critic_model_path": "rm"}, "critic_model_path='rm'"),
        ({"critic": "none", "lam": 0.95}, "lam=0.95.*must be 1"),
        ({"critic": "none", "critic_lam": 0.5}, "critic_lam=0.5.*needs a critic"),
        # Options of GRPOConfig that the trainer would not heed.
        ({"use_bias_correction_kl": True}, "use_bias_correction_kl=True.*in the reward of each token"),
        ({"sapo_temperature_pos": 2.0}, "sapo_temperature_pos=2.0.*must be 1.0"),
        ({"vespo_k_neg": 1.0}, "vespo_k_neg=1.0"),
        ({"use_liger_kernel": True}, "use_liger_kernel=True.*must be False"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor=0.1"),
        ({"train_sampling_strategy": "group_by_length"}, "train_sampling_strategy='group_by_length'.*shuffle_dataset"),
        ({"optim": "galore_adamw_layerwise", "optim_target_modules": "all-linear"}, "optim=.*within the backward pass"),
    ],
)
def test_a_wrong_option_is_refused_by_name_with_what_is_allowed(tmp_path, options, said):
    with pytest.raises(ValueError, match=said):
        tiny.config(tmp_path, **options)


def test_one_completion_per_prompt_is_the_default_and_a_group_is_allowed(tmp_path):
    assert tiny.config(tmp_path).num_generations == 1
    assert tiny.config(tmp_path, num_generations=4).num_generations == 4
    with pytest.raises(ValueError, match="divisible by num_generations"):
        tiny.config(tmp_path, num_generations=3)


@pytest.mark.parametrize(("per_device", "accumulated", "steps"), [(1, 1, None), (3, 1, None), (1, 7, None), (3, 1, 5)])
def test_one_completion_per_prompt_makes_batches_of_any_size(tmp_path, per_device, accumulated, steps):
    options = {} if steps is None else {"steps_per_generation": steps}
    args = tiny.config(tmp_path, per_device_train_batch_size=per_device, gradient_accumulation_steps=accumulated, **options)
    assert args.num_generations == 1 and args.generation_batch_size == per_device * (steps or accumulated)


@pytest.mark.parametrize(("options", "lam"), [({}, 0.95), ({"critic": "shared"}, 0.95), ({"critic": "none"}, 1.0), ({"lam": 0.7}, 0.7)])
def test_lambda_is_one_without_a_critic(tmp_path, options, lam):
    assert tiny.config(tmp_path, **options).lam == lam


def test_every_field_says_what_it_is(tmp_path):
    own = set(PPOConfig.__dataclass_fields__) - set(PPOConfig.__mro__[1].__dataclass_fields__)
    assert all(PPOConfig.__dataclass_fields__[name].metadata["help"] for name in own) and len(own) == 15
