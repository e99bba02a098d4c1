from __future__ import annotations

import pytest
import torch
from peft import LoraConfig

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

pytestmark = pytest.mark.slow  # it trains

LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")


class Killed(Exception):
    pass


class KillAfter(tiny.TrainerCallback):
    """Ends the process's work right after a checkpoint, as a preempted job."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_save(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Killed


def trainer(folder, callbacks=(), peft_config=None, **options) -> PPOTrainer:
    # Two batches per rollout, two passes over each: a rollout lasts four steps, so every third step is in the middle of one.
    schedule = dict(max_steps=6, save_strategy="steps", save_steps=3, steps_per_generation=2, num_iterations=2, lr_scheduler_type="linear")
    return PPOTrainer(
        tiny.policy(), tiny.digits, tiny.config(folder, **{**schedule, **options}),
        train_dataset=tiny.prompts(), processing_class=tiny.tokenizer(), callbacks=list(callbacks), peft_config=peft_config,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("peft_config", "options"),
    [
        (None, {"critic": "separate"}),
        (None, {"critic": "separate", "critic_warmup_steps": 4}),
        (None, {"critic": "shared"}),
        (None, {"critic": "none"}),
        (LORA, {"critic": "separate"}),
        (LORA, {"critic": "separate", "critic_lora": True}),
        (LORA, {"critic": "shared"}),
    ],
)
def test_a_run_killed_in_the_middle_of_a_rollout_goes_on_as_if_never_stopped(tmp_path, peft_config, options):
    whole = trainer(tmp_path / "whole", peft_config=peft_config, **options)
    whole.train()
    with pytest.raises(Killed):
        trainer(tmp_path / "killed", [KillAfter(3)], peft_config, **options).train()
    resumed = trainer(tmp_path / "killed", peft_config=peft_config, **options)
    resumed.train(resume_from_checkpoint=True)

    assert resumed.state.global_step == 6 and resumed.state.num_input_tokens_seen == whole.state.num_input_tokens_seen
    for name, parameter in whole.model.named_parameters():
        assert torch.allclose(parameter, resumed.model.get_parameter(name), rtol=1e-5, atol=1e-7), name
    states, again = whole.optimizer.state_dict()["state"], resumed.optimizer.state_dict()["state"]
    assert states.keys() == again.keys() and states
    for key, state in states.items():
        for name, value in state.items():
            assert torch.allclose(value, again[key][name], rtol=1e-4, atol=1e-9), (key, name)
    for mine, theirs in zip(whole.state.log_history[3:6], resumed.state.log_history[3:6], strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-6) and mine.get("reward") == theirs.get("reward")


@pytest.mark.parametrize(
    ("stop", "options"),
    [
        (4, {}),  # where an epoch ends: four steps each
        (5, {}),
        (9, {}),
        (6, {"critic": "shared"}),
        (5, {"critic": "none"}),
        (5, {"data_seed": 3}),
        (5, {"dataloader_num_workers": 1}),
        (4, {"gradient_accumulation_steps": 3, "steps_per_generation": 1}),
    ],
)
def test_a_run_killed_in_a_later_epoch_goes_on_as_if_never_stopped(tmp_path, stop, options):
    schedule = dict(max_steps=10, save_steps=1, steps_per_generation=2, num_iterations=2, per_device_train_batch_size=4)

    def run(name: str, callbacks=()) -> PPOTrainer:
        made = trainer(tmp_path / name, callbacks, **{**schedule, **options})
        made.train_dataset = tiny.prompts(8)
        return made

    whole = run("whole")
    whole.train()
    with pytest.raises(Killed):
        run("killed", [KillAfter(stop)]).train()
    resumed = run("killed")
    resumed.train(resume_from_checkpoint=True)
    assert whole.state.epoch > 1
    for name, parameter in whole.model.named_parameters():
        assert torch.allclose(parameter, resumed.model.get_parameter(name), rtol=1e-5, atol=1e-7), name
    assert resumed.return_scale.state() == pytest.approx(whole.return_scale.state())


def test_a_checkpoint_that_a_kill_left_without_its_rollout_generates_anew(tmp_path):
    trainer(tmp_path, max_steps=3).train()
    (tmp_path / "checkpoint-3" / "rollout_0.pt").unlink()
    resumed = trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 6 and "reward" in resumed.state.log_history[3]


def test_a_checkpoint_without_critic_and_one_of_another_kind_are_refused(tmp_path):
    trainer(tmp_path / "none", critic="none", max_steps=3).train()
    with pytest.raises(FileNotFoundError, match="has no critic.safetensors"):
        trainer(tmp_path / "none", critic="separate").train(resume_from_checkpoint=True)
    trainer(tmp_path / "shared", critic="shared", max_steps=3).train()
    with pytest.raises(ValueError, match="another kind of critic.*critic_lora"):
        trainer(tmp_path / "shared", critic="separate").train(resume_from_checkpoint=True)


def test_a_checkpoint_is_a_policy_that_loads_and_generates(tmp_path):
    from transformers import AutoModelForCausalLM

    tuned = trainer(tmp_path, max_steps=3)
    tuned.train()
    model, report = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint-3", output_loading_info=True)
    assert not report["unexpected_keys"] and not report["missing_keys"]
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, tuned.model.get_parameter(name))
