from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForSequenceClassification
from trl.distributed import DistributedBackend
from trl.generation.vllm_generation import VLLMGeneration

from rl_rewards.trainers import PPOTrainer
from rl_rewards.trainers.critic import without_critic
from tests.trainers import tiny

pytestmark = pytest.mark.slow  # it trains

LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")


def trainer(folder, model=None, peft_config=None, **options) -> PPOTrainer:
    return PPOTrainer(
        model or tiny.policy(), tiny.digits, tiny.config(folder, **options),
        train_dataset=tiny.prompts(), processing_class=tiny.tokenizer(), peft_config=peft_config,
    )  # fmt: skip


INPUTS = {"input_ids": torch.tensor([[3, 4, 5, 6], [7, 8, 9, 10]]), "attention_mask": torch.ones(2, 4, dtype=torch.long)}
LABELS = {"labels": INPUTS["input_ids"], "fused_lm_head": True}


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_values_come_out_of_the_policys_forward_and_are_those_of_the_backbone(tmp_path, critic):
    model = trainer(tmp_path, critic=critic).model
    torch.nn.init.normal_(model.critic.head.weight)
    both = model(**INPUTS, **LABELS, values=True)
    only = model(**INPUTS, **LABELS, values=True, log_probs=False)
    backbone = model.critic.backbone if critic == "separate" else model.base_model
    expected = model.critic.head(backbone(**INPUTS).last_hidden_state).squeeze(-1)
    assert torch.allclose(both.state_values, expected) and torch.allclose(only.state_values, expected)
    assert only.log_probs is None
    assert torch.equal(both.log_probs, model(**INPUTS, **LABELS).log_probs)


def test_without_values_the_forward_is_the_policys_own(tmp_path):
    plain, model = tiny.policy().eval(), trainer(tmp_path).model.eval()
    assert torch.equal(model(**INPUTS).logits, plain(**INPUTS).logits)
    generate = dict(INPUTS, max_new_tokens=4, do_sample=False)
    assert torch.equal(model.generate(**generate), plain.generate(**generate))


def test_a_separate_critic_starts_as_a_copy_of_the_policy_and_values_start_at_zero(tmp_path):
    model = trainer(tmp_path).model
    own = dict(model.base_model.named_parameters())
    for name, parameter in model.critic.backbone.named_parameters():
        assert torch.equal(parameter, own[name]) and parameter.data_ptr() != own[name].data_ptr() and parameter.requires_grad
    assert (model(**INPUTS, values=True, log_probs=False).state_values == 0).all()


def test_a_critic_starts_from_the_backbone_of_a_reward_model(tmp_path):
    policy = tiny.policy()
    sizes = {name: getattr(policy.config, name) for name in ("vocab_size", "num_attention_heads", "num_key_value_heads", "pad_token_id")}
    reward_model = Qwen2ForSequenceClassification(Qwen2Config(**sizes, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_labels=1))
    reward_model.save_pretrained(tmp_path / "rm")
    critic = trainer(tmp_path, policy, critic_model_path=str(tmp_path / "rm")).critic
    for name, parameter in reward_model.model.named_parameters():
        assert torch.equal(parameter, critic.backbone.get_parameter(name))
    assert critic.head.in_features == 16


def test_a_critic_with_a_smaller_vocabulary_is_refused(tmp_path):
    small = Qwen2ForSequenceClassification(Qwen2Config(vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0))
    small.save_pretrained(tmp_path / "rm")
    with pytest.raises(ValueError, match="vocabulary of 7 tokens.*same tokenizer"):
        trainer(tmp_path, critic_model_path=str(tmp_path / "rm"))


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_the_critic_never_leaves_with_the_policy(tmp_path, critic):
    model = trainer(tmp_path, critic=critic).model
    model.save_pretrained(tmp_path / "plain")
    model.save_pretrained(tmp_path / "gathered", state_dict=model.state_dict())  # as FSDP and DeepSpeed hand it over
    for folder in ("plain", "gathered"):
        _, report = AutoModelForCausalLM.from_pretrained(tmp_path / folder, output_loading_info=True)
        assert not report["unexpected_keys"] and not report["missing_keys"]
    assert model.critic is not None


@pytest.mark.parametrize("peft_config", [None, LORA])
def test_vllm_is_sent_the_policys_parameters_alone(tmp_path, peft_config):
    tuned = trainer(tmp_path, peft_config=peft_config)
    plain = tiny.policy()
    generation = object.__new__(VLLMGeneration)  # its constructor starts an engine; the walk over the parameters is what is tested
    generation.model, generation.accelerator, generation._dist = tuned.model, tuned.accelerator, DistributedBackend(tuned.accelerator)
    sent = without_critic(tuned.model)(lambda: [name for name, _ in generation._iter_named_params()])()
    assert sent == [name for name, _ in plain.named_parameters()]
    assert tuned.critic is not None


@pytest.mark.parametrize("lora_critic", [False, True])
def test_a_lora_policy_trains_with_a_full_or_a_lora_critic(tmp_path, lora_critic):
    tuned = trainer(tmp_path, peft_config=LORA, critic_lora=lora_critic, beta=0.1, max_steps=2)
    before = {name: p.detach().clone() for name, p in tuned.model.named_parameters()}
    tuned.train()
    moved = {name for name, p in tuned.model.named_parameters() if not torch.equal(p, before[name])}
    policy_moved = {name for name in moved if not name.startswith("critic.")}
    critic_moved = moved - policy_moved
    assert policy_moved and all("lora_" in name for name in policy_moved)
    assert "critic.head.weight" in critic_moved
    lora_moved = {name for name in critic_moved if "lora_" in name}
    assert critic_moved - {"critic.head.weight", "critic.head.bias"} == (
        lora_moved if lora_critic else critic_moved - {"critic.head.weight", "critic.head.bias"}
    )
    assert bool(lora_moved) == lora_critic
    assert tuned.state.log_history[0]["kl"] == pytest.approx(0.0, abs=1e-6)  # the adapter starts at the base model


def test_a_full_critic_of_a_tuned_adapter_starts_from_the_tuned_policy(tmp_path):
    policy = get_peft_model(tiny.policy(), LORA)
    for name, parameter in policy.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    critic = trainer(tmp_path, policy).critic
    expected = policy.get_base_model().base_model(**INPUTS).last_hidden_state
    assert torch.allclose(critic.backbone(**INPUTS).last_hidden_state, expected, atol=1e-5)


@pytest.mark.parametrize("attached", [False, True])
def test_lora_on_all_linear_layers_means_the_critics_own(tmp_path, attached):
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    policy = get_peft_model(tiny.policy(), config) if attached else tiny.policy()
    backbone = trainer(tmp_path, policy, critic_lora=True, peft_config=None if attached else config).critic.backbone
    with_lora = {name.partition(".lora_A")[0].rpartition(".")[2] for name, _ in backbone.named_parameters() if ".lora_A" in name}
    assert with_lora == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_lora_for_the_critic_of_a_policy_without_is_refused(tmp_path):
    with pytest.raises(ValueError, match="critic_lora=True.*pass peft_config"):
        trainer(tmp_path, critic_lora=True)
