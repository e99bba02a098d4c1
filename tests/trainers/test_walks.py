"""Every part of TRL and transformers that walks the policy's parameters or modules takes them for the policy's, under every kind of critic."""

from __future__ import annotations

import json

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from trl import BEMACallback

from rl_rewards.trainers import PPOTrainer
from rl_rewards.trainers.critic import critic_of, parameters_without_critic, without_critic
from tests.trainers import tiny

pytestmark = pytest.mark.slow  # it trains

LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
KINDS = {
    "separate": (None, {"critic": "separate"}),
    "shared": (None, {"critic": "shared"}),
    "none": (None, {"critic": "none"}),
    "lora policy": (LORA, {"critic": "separate"}),
    "lora critic": (LORA, {"critic": "separate", "critic_lora": True}),
    "lora policy, shared": (LORA, {"critic": "shared"}),
    "lora policy, none": (LORA, {"critic": "none"}),
}
FULL = ["separate", "shared", "none"]  # what needs a policy without adapter


def trainer(folder, kind: str, callbacks=(), reward=tiny.digits, **options) -> PPOTrainer:
    policy = tiny.policy()
    policy.save_pretrained(folder / "policy")
    policy.config._name_or_path = str(folder / "policy")
    peft_config, own = KINDS[kind]
    return PPOTrainer(
        policy, reward, tiny.config(folder, **{**own, **options}), train_dataset=tiny.prompts(), eval_dataset=tiny.prompts(8),
        processing_class=tiny.tokenizer(), callbacks=list(callbacks), peft_config=peft_config,
    )  # fmt: skip


def own_names(tuned: PPOTrainer) -> list[str]:
    return [name for name, _ in tuned.model.named_parameters() if not name.startswith("critic.")]


@pytest.mark.parametrize("kind", FULL)
def test_the_reference_model_is_synchronized_with_the_policy(tmp_path, kind):
    tuned = trainer(tmp_path, kind, beta=0.1, sync_ref_model=True, ref_model_sync_steps=2, ref_model_mixup_alpha=1.0, learning_rate=1e-2)
    tuned.train()
    for name, parameter in tuned.ref_model.named_parameters():
        assert torch.equal(parameter, tuned.model.get_parameter(name)), name
    assert not torch.equal(tuned.ref_model.lm_head.weight, tiny.policy().lm_head.weight)
    if kind != "none":
        assert "critic.head.weight" in dict(tuned.model.named_parameters())


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("kind", FULL)
def test_an_average_of_the_weights_is_the_policys(tmp_path, kind, later):
    average = BEMACallback(update_freq=1, update_after=0)
    tuned = trainer(tmp_path, kind, callbacks=[] if later else [average])
    if later:
        tuned.add_callback(average)
    tuned.train()
    _, report = AutoModelForCausalLM.from_pretrained(tmp_path / "bema", output_loading_info=True)
    assert not report["unexpected_keys"] and not report["missing_keys"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_checkpoint_brings_back_policy_and_critic(tmp_path, kind):
    scores = iter([0.0, 3.0, 1.0, 2.0])  # evaluations: the second is the best

    class Score(tiny.TrainerCallback):
        def on_evaluate(self, args, state, control, metrics=None, **kwargs):
            metrics["eval_score"] = next(scores)

    saved = []

    class Snapshot(tiny.TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            saved.append(({name: p.detach().clone() for name, p in model.named_parameters()}, tuned.return_scale.state()))

    tuned = trainer(
        tmp_path, kind, callbacks=[Score(), Snapshot()], max_steps=4, save_strategy="steps", save_steps=1, eval_strategy="steps", eval_steps=1,
        load_best_model_at_end=True, metric_for_best_model="score", learning_rate=1e-2, critic_learning_rate=1e-2,
    )  # fmt: skip
    tuned.train()
    best = tuned.state.best_model_checkpoint
    weights, scale = saved[int(best.rpartition("-")[2]) - 1]
    assert best.endswith("checkpoint-2")
    for name, parameter in tuned.model.named_parameters():
        assert torch.allclose(parameter, weights[name], atol=1e-7), name
    assert any(not torch.equal(weights[name], saved[-1][0][name]) for name in weights)
    if kind.endswith("none"):
        return
    assert tuned.return_scale.state() == scale
    assert not torch.equal(weights["critic.head.weight"], saved[-1][0]["critic.head.weight"])


@pytest.mark.parametrize("kind", KINDS)
def test_generation_sees_the_policy_alone(tmp_path, kind):
    tuned = trainer(tmp_path, kind, max_steps=1)
    generate, seen = tuned.model.generate, []
    tuned.model.generate = lambda *args, **kwargs: seen.append([name for name, _ in tuned.model.named_parameters()]) or generate(*args, **kwargs)
    tuned.train()
    assert seen and all(names == own_names(tuned) for names in seen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gather_of_parameters_leaves_the_critic_out_and_its_modules_in(tmp_path, kind):
    tuned = trainer(tmp_path, kind)
    own = {id(tuned.model.get_parameter(name)) for name in own_names(tuned)}
    with parameters_without_critic(tuned.model, tuned.model):
        assert {id(parameter) for parameter in tuned.model.parameters()} == own
        assert (critic_of(tuned.model) is None) == kind.endswith("none")
        assert any(name.startswith("critic.") for name, _ in tuned.model.named_parameters()) != kind.endswith("none")
    assert len(list(tuned.model.parameters())) == len(dict(tuned.model.named_parameters()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_that_is_spared_the_critic_can_still_save_and_evaluate(tmp_path, kind):
    tuned = trainer(tmp_path, kind, max_steps=1)
    tuned.train()
    tuned.save_model(str(tmp_path / "shown"))
    with without_critic(tuned.model):
        tuned.save_model(str(tmp_path / "hidden"))
        assert "eval_reward" in tuned.evaluate()
        assert not any(name.startswith("critic.") for name, _ in tuned.model.named_parameters())
    shown, hidden = (
        sorted(str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*.safetensors")) for name in ("shown", "hidden")
    )
    assert shown == hidden
    for name in shown:
        one, other = load_file(tmp_path / "shown" / name), load_file(tmp_path / "hidden" / name)
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointing_of_activations_reaches_a_critic_of_its_own(tmp_path, kind):
    tuned = trainer(tmp_path, kind, max_steps=1, gradient_checkpointing=True)
    tuned.train()
    assert "loss" in tuned.state.log_history[0]
    if kind == "separate":
        flags = [module.gradient_checkpointing for module in tuned.critic.modules() if hasattr(module, "gradient_checkpointing")]
        assert flags and all(flags)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [
    {"torch_compile": False, "neftune_noise_alpha": 1.0},
    {"cast_lm_head_to_fp32": True},
    {"use_transformers_continuous_batching": False, "optim": "adafactor"},
    {"max_grad_norm": 0.0},
    {"entropy_coef": 0.01, "top_entropy_quantile": 0.5},
    {"log_completions": True, "num_completions_to_print": 0, "include_num_input_tokens_seen": "all"},
], ids=lambda options: next(reversed(options)))  # fmt: skip
def test_options_that_touch_the_model_run(tmp_path, kind, options):
    tuned = trainer(tmp_path, kind, **options)
    tuned.train()
    assert all(torch.isfinite(parameter).all() for parameter in tuned.model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_as_the_policy_is_the_policy(tmp_path, kind):
    tuned = trainer(tmp_path, kind, max_steps=1)
    tuned.train()
    tuned.save_model(str(tmp_path / "out"))
    files = [path for path in (tmp_path / "out").glob("*.safetensors") if path.name != "critic.safetensors"]
    names = {name for path in files for name in load_file(path)}
    assert names and not any("critic" in name for name in names)
    if kind in FULL:
        assert json.loads((tmp_path / "out" / "config.json").read_text())["architectures"] == ["Qwen2ForCausalLM"]
