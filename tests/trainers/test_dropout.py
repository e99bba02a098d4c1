from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rl_rewards.trainers.dropout import disable_dropout
from tests.trainers import tiny
from tests.trainers.test_ppo import trainer

GPT2 = {"vocab_size": 44, "n_embd": 16, "n_layer": 2, "n_head": 2}
PLAIN = {"vocab_size": 44, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ALL_GPT2 = {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5}
BOTH = {"hidden_dropout": 0.5, "attention_dropout": 0.5}
FAMILIES = {
    "gpt2": {**GPT2, **ALL_GPT2},
    "gpt_bigcode": {**GPT2, **ALL_GPT2},
    "gptj": {**GPT2, **ALL_GPT2, "rotary_dim": 4},
    "ctrl": {**GPT2, "dff": 32, "resid_pdrop": 0.5, "embd_pdrop": 0.5},
    "opt": {**PLAIN, "ffn_dim": 32, "word_embed_proj_dim": 16, "dropout": 0.5, "attention_dropout": 0.5, "layerdrop": 0.5},
    "falcon": {**PLAIN, **BOTH},
    "persimmon": {**PLAIN, **BOTH, "intermediate_size": 32},
    "gpt_neox": {**PLAIN, **BOTH, "intermediate_size": 32},
    "phi": {**PLAIN, "intermediate_size": 32, "resid_pdrop": 0.5, "embd_pdrop": 0.5, "attention_dropout": 0.5},
    "mixtral": {**PLAIN, "num_key_value_heads": 2, "num_local_experts": 4, "attention_dropout": 0.5, "router_jitter_noise": 0.5},
    "biogpt": {**PLAIN, "intermediate_size": 32, "hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5, "layerdrop": 0.5},
    "qwen2": {**PLAIN, "num_key_value_heads": 2, "attention_dropout": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_without_dropout_two_passes_in_training_are_equal(family):
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").train()
    ids = torch.randint(3, 44, (2, 9))
    assert not torch.equal(model(ids).logits, model(ids).logits)
    rates = {name: value for name, value in config.to_dict().items() if "drop" in name or "jitter" in name}
    disable_dropout(model)
    assert torch.equal(model(ids).logits, model(ids).logits)
    assert {name: model.config.to_dict()[name] for name in rates} == rates  # what is saved is the model's own


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
@pytest.mark.parametrize("family", ["gpt2", "falcon"])
def test_the_first_step_clips_nothing_by_default(tmp_path, family, critic):
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **FAMILIES[family], eos_token_id=1, pad_token_id=0, bos_token_id=1))
    tuned = trainer(tmp_path, policy=policy, critic=critic, num_iterations=2, max_steps=1, learning_rate=1e-6, logging_steps=1)
    tuned.train()
    log = tuned.state.log_history[0]
    assert log["clip_ratio/region_mean"] == 0 and log["policy_loss"] == pytest.approx(0.0, abs=1e-5)


def test_dropout_can_be_kept(tmp_path):
    policy = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **FAMILIES["gpt2"], eos_token_id=1, pad_token_id=0, bos_token_id=1))
    tuned = trainer(tmp_path, policy=policy, disable_dropout=False)
    rates = {module.p for module in tuned.model.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.5}
    assert tiny.config(tmp_path).disable_dropout
