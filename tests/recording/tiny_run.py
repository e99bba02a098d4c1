"""A GRPO run of a policy of 20,000 parameters, as a script, so that a test can kill it: tiny_run.py OUTPUT_DIR [--kill_at EVENT:STEP] [--resume]."""

from __future__ import annotations

import argparse
import os
import signal

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rl_rewards import EvaluateResult, Reward, Rubric
from rl_rewards.recording import RunRecorder
from rl_rewards.scorers.base import Scorer
from rl_rewards.trl import RecordingCallback, reward_functions

MAX_STEPS, SAVE_STEPS, COMPLETIONS, EVALUATED = 6, 2, 4, 4


class CountedLetters(Scorer):
    """A scorer with a state: how many batches it has scored, which its component tells."""

    def __init__(self) -> None:
        self.batches = 0

    def score(self, samples, answers):
        self.batches += 1
        return [EvaluateResult(len(answer) / 10, "counted", {"batches": float(self.batches)}) for answer in answers]

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state):
        self.batches = state["batches"]


class KilledAt(TrainerCallback):
    """Kills the process, as the machine's memory killer would, when a trainer's event comes at a step."""

    def __init__(self, event: str, step: int) -> None:
        self.step = step
        setattr(self, event, self._kill)

    def _kill(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def policy() -> tuple[Qwen2ForCausalLM, PreTrainedTokenizerFast]:
    vocabulary = {token: i for i, token in enumerate(["<pad>", "<eos>", "<unk>", *"0123456789abcdefghijklmnopqrstuvwxyz =+?"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=len(vocabulary), eos_token_id=1, pad_token_id=0, **sizes)), tokenizer


def rubric() -> Rubric:
    return Rubric((Reward("letters", CountedLetters()), Reward("right", {"string_match": {"equals": "{{references.answer}}"}}, weight=0.5)))


def trainer(output_dir: str, rubric: Rubric, callbacks: tuple = (), dataset: Dataset | None = None, **options: object) -> GRPOTrainer:
    recorder = RunRecorder(output_dir, rubric)
    model, tokenizer = policy()
    questions = Dataset.from_dict({"prompt": [f"{i}+1=?" for i in range(8)], "answer": [str(i + 1) for i in range(8)]})
    settings = {
        "per_device_train_batch_size": COMPLETIONS, "num_generations": 2, "max_completion_length": 4, "max_steps": MAX_STEPS,
        "save_steps": SAVE_STEPS, "eval_strategy": "steps", "eval_steps": SAVE_STEPS, "per_device_eval_batch_size": 2, "num_generations_eval": 2,
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none", "disable_tqdm": True, "logging_steps": 1,
        "reward_weights": rubric.reward_weights,
    }  # fmt: skip
    return GRPOTrainer(
        model,
        processing_class=tokenizer,
        args=GRPOConfig(str(output_dir), **{**settings, **options}),
        train_dataset=questions if dataset is None else dataset,
        eval_dataset=questions.select(range(EVALUATED // 2)),
        reward_funcs=reward_functions(rubric, record=recorder.record),
        callbacks=[*callbacks, RecordingCallback(recorder)],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output_dir")
    parser.add_argument("--kill_at", help="EVENT:STEP, an event of TrainerCallback")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    event, _, step = (arguments.kill_at or "").partition(":")
    run = trainer(arguments.output_dir, rubric(), (KilledAt(event, int(step)),) if event else ())
    if not arguments.resume:
        run.evaluate()
    run.train(resume_from_checkpoint=arguments.resume)
    run.evaluate()
