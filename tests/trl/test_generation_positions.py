"""Learned positions under GRPO and RLOO: log-probabilities of padded rows are those of the rows alone, or the user is warned."""

from __future__ import annotations

import logging
import types

import pytest

pytest.importorskip("trl")

import torch
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from rl_rewards import Reward, Rubric
from rl_rewards.recording import RunRecorder
from rl_rewards.trl import RecordingCallback, reward_functions, use_generation_positions
from tests.trainers import tiny
from tests.trainers.test_positions import COMPLETIONS, CountsPadding, policy_of

pytestmark = pytest.mark.slow

RUBRIC = Rubric([Reward("length", {"length_window": {"min_tokens": 1, "max_tokens": 4}})])


class Keep(tiny.TrainerCallback):
    """The log-probabilities that the loss reads, from the trainer's own forward."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def wrap(self, trainer: object) -> None:
        forward = trainer._get_per_token_logps_and_entropies

        def keep(model, input_ids, attention_mask, logits_to_keep, *args, **kwargs):
            result = forward(model, input_ids, attention_mask, logits_to_keep, *args, **kwargs)
            self.seen.append((input_ids, attention_mask, logits_to_keep, result[0].detach()))
            return result

        trainer._get_per_token_logps_and_entropies = keep


def make(folder, kind, callbacks=(), family="gpt2", reward_funcs=None):
    trainer_class, config_class = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}[kind]
    args = config_class(
        str(folder), num_generations=2, per_device_train_batch_size=8, max_steps=1, max_completion_length=8, learning_rate=1e-9, use_cpu=True,
        bf16=False, gradient_checkpointing=False, report_to="none", save_strategy="no", disable_tqdm=True, beta=0.0,
    )  # fmt: skip
    return trainer_class(
        policy_of(family).eval(), reward_funcs or RUBRIC.reward_funcs, args=args, train_dataset=tiny.Dataset.from_dict({"prompt": list(COMPLETIONS)}),
        processing_class=tiny.tokenizer(), callbacks=list(callbacks),
    )  # fmt: skip


def worst_error(trainer, kept: Keep) -> float:
    worst = 0.0
    for ids, mask, size, logps in kept.seen:
        for row, own, got in zip(ids, mask.bool(), logps, strict=True):
            with torch.no_grad():
                alone = trainer.model.eval()(input_ids=row[own][None]).logits[0].log_softmax(-1)
            count = int(own[-size:].sum())
            expected = alone[-count - 1 : -1].gather(1, row[own][-count:, None]).squeeze(1)
            worst = max(worst, float((got[:count] - expected).abs().max()))
    return worst


@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_with_the_recording_callback_padded_rows_have_the_log_probabilities_of_rows_alone(tmp_path, kind):
    recorder, errors = RunRecorder(str(tmp_path / "run"), RUBRIC), {}
    for name in ("callback", "call", "nothing"):
        record = recorder.record if name == "callback" else None
        callbacks = [RecordingCallback(recorder)] if name == "callback" else []
        trainer = make(tmp_path / name, kind, callbacks, reward_funcs=reward_functions(RUBRIC, record=record) if record else None)
        kept = Keep()
        kept.wrap(trainer)
        if name == "call":
            use_generation_positions(trainer)
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        trainer.train()
        errors[name] = worst_error(trainer, kept)
    assert errors["callback"] < 1e-3 and errors["call"] < 1e-3 < 0.1 < errors["nothing"]


@pytest.mark.parametrize(("family", "warned"), [("gpt2", True), ("qwen2", False)])
def test_a_user_without_the_callback_is_warned_where_it_matters(tmp_path, caplog, family, warned):
    with caplog.at_level(logging.WARNING):
        make(tmp_path, "grpo", family=family).train()
    assert ("rl_rewards.trl.use_generation_positions(trainer)" in caplog.text) is warned


def test_a_policy_that_takes_no_positions_is_named(caplog):
    accelerator = types.SimpleNamespace(unwrap_model=lambda model: model)
    trainer = types.SimpleNamespace(accelerator=accelerator, model=CountsPadding(policy_of("gpt2")), _get_per_token_logps_and_entropies=None)
    use_generation_positions(trainer)
    assert "CountsPadding" in caplog.text and "takes no position_ids" in caplog.text
