"""A trained critic leaves in a folder of Hugging Face's form, and comes back with its head."""

from __future__ import annotations

import shutil

import pytest
import torch
from peft import LoraConfig
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen2ForTokenClassification,
)

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny
from tests.trainers.test_critic import INPUTS
from tests.trainers.test_positions import FAMILIES

pytestmark = pytest.mark.slow  # it trains

LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")


def trainer(folder, policy=None, peft_config=None, reward=tiny.digits, **options) -> PPOTrainer:
    return PPOTrainer(
        policy or tiny.policy(), reward, tiny.config(folder, critic_learning_rate=1e-2, **options),
        train_dataset=tiny.prompts(), processing_class=tiny.tokenizer(), peft_config=peft_config,
    )  # fmt: skip


def values(tuned: PPOTrainer) -> torch.Tensor:
    """Values (B, L) of INPUTS, in the unit of the rewards."""
    with torch.no_grad():
        outputs = tuned.model.eval()(**INPUTS, values=True, log_probs=False).state_values
    return tuned.critic_scale.values(outputs)


def hundredfold(completions: list[str], **columns: object) -> list[float]:
    return [100 * score + 7 for score in tiny.digits(completions)]


KINDS = {
    "separate": (None, {}),
    "separate, raw returns": (None, {"normalize_returns": False}),
    "lora policy": (LORA, {}),
    "lora critic": (LORA, {"critic_lora": True}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_separate_critic_is_a_model_of_tokens_whose_outputs_are_values(tmp_path, kind):
    peft_config, options = KINDS[kind]
    tuned = trainer(tmp_path, reward=hundredfold, peft_config=peft_config, **options)
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    model, report = AutoModelForTokenClassification.from_pretrained(tmp_path / "out/critic", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    with torch.no_grad():
        logits = model.eval()(**INPUTS).logits.squeeze(-1)
    assert torch.allclose(logits, values(tuned), rtol=1e-4, atol=1e-4) and logits.std() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_critics_of_other_architectures_come_back(tmp_path, family):
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **FAMILIES[family], eos_token_id=1, pad_token_id=0, bos_token_id=1))
    tuned = trainer(tmp_path, policy)
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    again = trainer(tmp_path, AutoModelForCausalLM.from_pretrained(tmp_path / "out"), critic_model_path=str(tmp_path / "out"))
    assert torch.allclose(values(again), values(tuned), atol=1e-5)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_is_taken_from_the_output_of_a_run_or_from_its_folder(tmp_path, capsys, kind, moved):
    peft_config, options = KINDS[kind]
    tuned = trainer(tmp_path, reward=hundredfold, peft_config=peft_config, **options)
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    path = tmp_path / "out"
    if moved:
        path = shutil.move(tmp_path / "out/critic", tmp_path / "kept")
    again = trainer(tmp_path, critic_model_path=str(path))
    assert torch.allclose(values(again), values(tuned), rtol=1e-4, atol=1e-4)
    if tuned.args.normalize_returns:
        assert again.critic_scale.state() == tuned.critic_scale.state()
    assert "critic: the critic of a PPO run with its value head" in capsys.readouterr().out


def test_a_critic_goes_on_in_another_unit(tmp_path):
    tuned = trainer(tmp_path, reward=hundredfold)
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    again = trainer(tmp_path, critic_model_path=str(tmp_path / "out"), normalize_returns=False)
    assert torch.allclose(values(again), values(tuned), rtol=1e-4, atol=1e-3)


def test_a_shared_critic_comes_back_as_its_policys_backbone_with_the_head(tmp_path, capsys):
    tuned = trainer(tmp_path, critic="shared")
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    again = trainer(tmp_path, critic_model_path=str(tmp_path / "out"))
    assert torch.allclose(values(again), values(tuned), atol=1e-5) and values(again).abs().sum() > 0
    assert "the shared critic of a PPO run, its policy's backbone with the value head" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda config: Qwen2ForSequenceClassification(config), "the backbone of a reward model under a new value head"),
        (lambda config: Qwen2ForTokenClassification(config), "the backbone of a reward model under a new value head"),
        (lambda config: tiny.policy(seed=3), "the backbone of a language model under a new value head"),
        (lambda config: tiny.policy(seed=3).base_model, "the backbone of a language model under a new value head"),
    ],
)
def test_what_a_critic_starts_from_is_said(tmp_path, capsys, make, said):
    sizes = {name: getattr(tiny.policy().config, name) for name in ("vocab_size", "num_attention_heads", "num_key_value_heads", "pad_token_id")}
    model = make(Qwen2Config(**sizes, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_labels=1))
    model.save_pretrained(tmp_path / "start")
    tuned = trainer(tmp_path, critic_model_path=str(tmp_path / "start"))
    assert f"critic: {said}, from {tmp_path / 'start'}" in capsys.readouterr().out
    assert (values(tuned) == 0).all()
    for name, parameter in model.base_model.named_parameters():
        assert torch.equal(parameter, tuned.critic.backbone.get_parameter(name))


def test_the_head_is_in_float32_under_a_policy_in_bfloat16_and_learns_as_in_float32(tmp_path):
    heads = []
    for dtype in (torch.float32, torch.bfloat16):
        tuned = trainer(
            tmp_path / str(dtype), tiny.policy().to(dtype), max_steps=20, reward=lambda prompts, **columns: [float(p[0]) for p in prompts]
        )
        tuned.args.critic_learning_rate = 1e-5
        tuned.train()
        assert tuned.critic.head.weight.dtype == torch.float32 and tuned.critic.backbone.dtype == dtype
        heads.append(tuned.critic.head.weight.detach())
    assert heads[1].abs().max() > 0.5 * heads[0].abs().max() > 0
