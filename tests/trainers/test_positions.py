"""Log-probabilities and values of rows padded on the left are those of the rows alone, as generation saw them."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rl_rewards.models.positions import ignores_padding, position_ids
from tests.trainers.test_dropout import GPT2, PLAIN
from tests.trainers.test_ppo import rollout_of, trainer

COMPLETIONS = {"1+1=?": ("2 or 3", "111111"), "2+2=?": ("4", "1"), "3+3+3=?": ("66", "11"), "4+4+4+4=?": ("8 9 10", "111111")}
FAMILIES = {
    "gpt2": {**GPT2, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0},
    "gpt_neo": {"vocab_size": 44, "hidden_size": 16, "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]]},
    "opt": {**PLAIN, "ffn_dim": 32, "word_embed_proj_dim": 16},
    "gpt_bigcode": GPT2,
    "bloom": {"vocab_size": 44, "hidden_size": 16, "n_layer": 2, "n_head": 2},
    "qwen2": {**PLAIN, "num_key_value_heads": 2, "intermediate_size": 32},
}  # fmt: skip


def policy_of(family: str) -> torch.nn.Module:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **FAMILIES[family], eos_token_id=1, pad_token_id=0, bos_token_id=1)
    policy = AutoModelForCausalLM.from_config(config)
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return policy


def test_positions_are_counted_from_the_first_token():
    assert position_ids(torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]])).tolist() == [[1, 1, 0, 1], [0, 1, 2, 3], [1, 0, 1, 1]]


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_padded_row_has_the_log_probabilities_and_values_of_the_row_alone(tmp_path, family, critic):
    policy = policy_of(family)
    policy.save_pretrained(tmp_path / "policy")
    policy.config._name_or_path = str(tmp_path / "policy")
    tuned = trainer(tmp_path, COMPLETIONS, lambda prompts, **columns: [float(len(p)) for p in prompts], policy=policy, critic=critic, beta=0.1,
                    num_iterations=2, normalize_returns=False)  # fmt: skip
    if critic != "none":
        torch.nn.init.normal_(tuned.critic.head.weight)
    fresh = trainer(tmp_path, COMPLETIONS, policy=policy_of(family), critic=critic).model
    fresh.load_state_dict(tuned.model.state_dict())
    tuned.train()
    rollout = rollout_of(tuned)
    assert (rollout["prompt_mask"][:, 0] == 0).any()
    for i in range(len(COMPLETIONS)):
        prompt = rollout["prompt_ids"][i][rollout["prompt_mask"][i].bool()]
        completion = rollout["completion_ids"][i][rollout["completion_mask"][i].bool()]
        ids = torch.cat([prompt, completion])[None]
        size = len(completion)
        with torch.no_grad():
            logits = fresh(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].log_softmax(-1)
        alone = logits[-size - 1 : -1].gather(1, completion[:, None]).squeeze(1)
        for name in ("old_per_token_logps", "ref_per_token_logps"):
            assert torch.allclose(rollout[name][i, :size], alone, atol=1e-3), name
        if critic != "none":
            with torch.no_grad():
                values = fresh(input_ids=ids, attention_mask=torch.ones_like(ids), values=True, log_probs=False).state_values[0]
            assert torch.allclose(rollout["old_values"][i, :size], values[-size - 1 : -1], atol=1e-3)


class CountsPadding(torch.nn.Module):
    """A policy with learned positions whose forward cannot be given any."""

    def __init__(self, policy: torch.nn.Module) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        return self.policy(input_ids=input_ids, attention_mask=attention_mask)


@pytest.mark.parametrize(("family", "safe"), [("gpt2", False), ("gpt_neo", False), ("opt", True), ("bloom", True), ("qwen2", True)])
def test_whether_a_model_ignores_padding_is_found_by_trying(family, safe):
    assert ignores_padding(CountsPadding(policy_of(family))) is safe


@pytest.mark.slow
def test_a_policy_that_counts_padding_and_takes_no_positions_is_refused_by_name_where_prompts_differ_in_length(tmp_path):
    tuned = trainer(tmp_path, COMPLETIONS, lambda prompts, **columns: [1.0] * len(prompts), policy=policy_of("gpt2"))
    tuned._positions = False  # as where its forward has no position_ids
    with pytest.raises(ValueError, match="GPT2LMHeadModel takes no position_ids"):
        tuned.train()
    alike = {prompt[:5]: text for prompt, text in COMPLETIONS.items()}
    tuned = trainer(tmp_path, alike, lambda prompts, **columns: [1.0] * len(prompts), policy=policy_of("gpt2"))
    tuned._positions = False
    tuned.train()
