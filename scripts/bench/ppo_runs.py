"""What scripts/bench/ppo.py measures, one run a process: a training run, its times, its memory, and how good the policy has become.

    python scripts/bench/ppo_runs.py '{"kind": "curve", "algorithm": "ppo", "seed": 0, "steps": 4, "every": 1}'

Prints the result as JSON on the last line. Runs under TRL 1.12 too, so what that does not have is imported where it is used.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from torch import nn  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase, TrainerCallback  # noqa: E402

from recipes import arithmetic  # noqa: E402
from rl_rewards import Rubric, Sample, load_rubric  # noqa: E402

EMBEDDED = str(ROOT / "recipes/policies/arithmetic")
RUBRIC = str(ROOT / "recipes/rubrics/arithmetic.yaml")
BATCH = 128  # completions a step
TOKENS = 32  # longest completion
# A shared critic is one small layer, so it may go faster; its loss pulls at the policy's backbone, too, so it weighs less.
FAST, SHARED = {"critic_learning_rate": 2e-3}, {"critic": "shared", "critic_learning_rate": 5e-3, "vf_coef": 0.1}


# ---- What is trained, and how well it did ----


class Place(NamedTuple):
    """Where a run runs: the folder of its policy, and `cpu` or `cuda`, which is also float32 or bf16."""

    policy: str = EMBEDDED
    device: str = "cpu"

    def arguments(self) -> dict:
        return {"use_cpu": self.device == "cpu", "bf16": self.device == "cuda"}


def peak_memory() -> float:
    """Most MiB that this process has held: on the GPU, where it used one."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


class Clock:
    """Processor and wall seconds, without what happens inside `stopped`."""

    def __init__(self) -> None:
        self.cpu, self.wall = -time.process_time(), -time.perf_counter()

    def read(self) -> tuple[float, float]:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self.cpu + time.process_time(), self.wall + time.perf_counter()

    def stopped(self, seconds: tuple[float, float]) -> None:
        """Take back to `seconds`, an earlier reading."""
        now = self.read()
        self.cpu, self.wall = self.cpu - (now[0] - seconds[0]), self.wall - (now[1] - seconds[1])


def sampled(model: nn.Module, tokenizer: PreTrainedTokenizerBase, times: int = 2) -> list[tuple[dict, str, list[int]]]:
    """Responses to every test question, `times` each, sampled as in training: (row, response, token ids). Leaves the random state alone."""
    rows = list(arithmetic.test()) * times
    texts = [tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False) for row in rows]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False).to(model.device)
    training = model.training
    with torch.random.fork_rng():
        torch.manual_seed(0)
        output = model.eval().generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=TOKENS, do_sample=True, top_k=0
        )  # fmt: skip
    model.train(training)
    results = []
    for row, ids in zip(rows, output[:, inputs["input_ids"].size(1) :].tolist(), strict=True):
        end = ids.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in ids else len(ids)
        results.append((row, tokenizer.decode(ids[:end], skip_special_tokens=True), ids[:end]))
    return results


def scored(rubric: Rubric, responses: list[tuple[dict, str, list[int]]]) -> tuple[float, float]:
    """Mean reward (the rubric's weighted sum) and accuracy of responses."""
    result = rubric.evaluate([sample(row, text, ids, i) for i, (row, text, ids) in enumerate(responses)])
    totals, correct = result.totals(), result.columns["correct"].scores
    return sum(totals) / len(totals), sum(correct) / len(correct)


def sample(row: dict, text: str, ids: list[int], index: int) -> Sample:
    columns = {name: value for name, value in row.items() if name != "prompt"}
    return Sample(row["prompt"], [{"role": "assistant", "content": text}], text, columns, ids, index=index)


class Curve(TrainerCallback):
    """Evaluates every few steps, with the clock stopped."""

    def __init__(self, rubric: Rubric, every: int, clock: Clock) -> None:
        self.rubric, self.every, self.clock, self.points = rubric, every, clock, []

    def on_step_end(self, args, state, control, model=None, processing_class=None, **kwargs):
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self.point(state.global_step, model, processing_class)

    def point(self, step: int, model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> None:
        seconds = self.clock.read()
        reward, accuracy = scored(self.rubric, sampled(model, tokenizer))
        self.points.append({"completions": step * BATCH, "cpu": seconds[0], "wall": seconds[1], "accuracy": accuracy, "reward": reward})
        self.clock.stopped(seconds)


def train(place: Place, algorithm: str, seed: int, steps: int, every: int, shared: bool = False) -> dict:
    """One run; its curve, and seconds a step without the evaluations."""
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    from rl_rewards.trainers import PPOConfig, PPOTrainer

    trainer_class, config_class, own = {
        "grpo": (GRPOTrainer, GRPOConfig, {"num_generations": 16, "beta": 0.0}),
        "rloo": (RLOOTrainer, RLOOConfig, {"num_generations": 16, "beta": 0.0}),
        "ppo": (PPOTrainer, PPOConfig, SHARED if shared else {"critic_learning_rate": 1e-3}),
        "before": (PPOTrainer, PPOConfig, {"critic_learning_rate": 1e-3, "normalize_returns": False, "critic_lam": 0.95}),  # as version 0.1
        "control": (PPOTrainer, PPOConfig, {"critic": "none"}),
    }[algorithm]
    rubric = load_rubric(RUBRIC)
    common = {
        "per_device_train_batch_size": BATCH, "max_completion_length": TOKENS, "learning_rate": 7e-4, "lr_scheduler_type": "linear",
        "adam_beta2": 0.99, "activation_checkpointing": False, "report_to": "none", "save_strategy": "no", "logging_strategy": "no",
        "disable_tqdm": True, "reward_weights": rubric.reward_weights, **place.arguments(),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        args = config_class(folder, seed=seed, max_steps=steps, **common, **own)
        clock = Clock()
        curve = Curve(rubric, every, clock)
        trainer = trainer_class(place.policy, rubric.reward_funcs, args, arithmetic.train(), callbacks=[curve])
        clock.stopped((0.0, 0.0))
        curve.point(0, trainer.model, trainer.processing_class)
        trainer.train()
    cpu, wall = clock.read()
    measured = {"cpu_per_step": cpu / steps, "wall_per_step": wall / steps, "memory": peak_memory()}
    return {"algorithm": algorithm, "seed": seed, "steps": steps, **measured, "points": curve.points}


# ---- TRL 1.12's PPOTrainer, and ours under the same settings ----


class RubricModule(nn.Module):
    """The rubric as the reward model that TRL 1.12 asks for: a backbone that reads token ids and returns hidden states.

    The tokens are decoded, the question found in them, and the row that it came from looked up, since columns do not reach TRL 1.12's
    reward model. `reward` is the same as a plain reward function.
    """

    base_model_prefix = "backbone"

    def __init__(self, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> None:
        super().__init__()
        self.tokenizer, self.rubric, self.rows = tokenizer, load_rubric(RUBRIC), {row["prompt"][0]["content"]: row for row in rows}
        self.score = nn.Identity()
        self.earned: list[float] = []  # of every completion, in the order in which they were drawn
        self.backbone = self._Backbone(self)

    class _Backbone(nn.Module):
        def __init__(self, owner: RubricModule) -> None:
            super().__init__()
            object.__setattr__(self, "owner", owner)  # no submodule: the owner has this one

        def forward(self, input_ids, attention_mask, **kwargs):
            from transformers.modeling_outputs import BaseModelOutput

            questions, completions = [], []
            for ids, mask in zip(input_ids.tolist(), attention_mask.tolist(), strict=True):
                text = self.owner.tokenizer.decode([token for token, own in zip(ids, mask, strict=True) if own])
                question, _, response = text.partition("<|im_start|>user\n")[2].partition("<|im_end|><|im_start|>assistant\n")
                questions.append(question)
                completions.append(response.removesuffix("<|im_end|>"))
            rewards = torch.tensor(self.owner.rewards(questions, completions), device=input_ids.device)
            return BaseModelOutput(hidden_states=(rewards[:, None, None].expand(*input_ids.shape, 1),))

    def rewards(self, questions: list[str], completions: list[str]) -> list[float]:
        ids = self.tokenizer(completions, add_special_tokens=False)["input_ids"]
        rows = [self.rows[question] for question in questions]
        samples = [sample(row, text, [*own, 0], i) for i, (row, text, own) in enumerate(zip(rows, completions, ids, strict=True))]
        totals = self.rubric.evaluate(samples).totals()
        self.earned += totals
        return totals

    def reward(self, prompts, completions, **columns):
        return self.rewards([prompt[0]["content"] for prompt in prompts], [completion[0]["content"] for completion in completions])


# What both PPOTrainers are given. TRL 1.12 lowers the learning rate after an update, ours (as GRPOTrainer) after each of its steps.
SAME = {
    "learning_rate": 5e-4, "gamma": 1.0, "lam": 0.95, "vf_coef": 0.5, "cliprange_value": 0.2, "temperature": 1.0,
    "missing_eos_penalty": 0.5, "kl_estimator": "k1", "report_to": "none", "save_strategy": "no", "disable_tqdm": True,
}  # fmt: skip
KL, MINI_BATCHES = 0.02, 2


class Settings(NamedTuple):
    """A run beside TRL 1.12: passes over each batch, the schedule of the learning rate, and what only ours has (None: TRL 1.12 itself)."""

    own: dict | None = None
    passes: int = 2
    schedule: str = "linear"


BESIDE: dict[str, Settings] = {
    "trl 1.12": Settings(),
    "ours": Settings({}),
    "ours, faster critic": Settings(FAST),
    "ours, shared critic": Settings(SHARED),
    "trl 1.12, three passes": Settings(passes=3),
    "ours, faster critic, three passes": Settings(FAST, passes=3),
    "trl 1.12, constant rate": Settings(schedule="constant"),
    "ours, constant rate": Settings({}, schedule="constant"),
}


def ours(place: Place, name: str, seed: int, updates: int) -> dict:
    from rl_rewards.trainers import PPOConfig, PPOTrainer

    own, passes, schedule = BESIDE[name]
    tokenizer = AutoTokenizer.from_pretrained(place.policy)
    rows = arithmetic.train()
    with tempfile.TemporaryDirectory() as folder:
        args = PPOConfig(
            folder, seed=seed, per_device_train_batch_size=BATCH // MINI_BATCHES, steps_per_generation=MINI_BATCHES, num_iterations=passes,
            max_steps=updates * passes * MINI_BATCHES, lr_scheduler_type=schedule, beta=KL, max_completion_length=TOKENS,
            activation_checkpointing=False, logging_strategy="no", **place.arguments(),
            **{"critic_learning_rate": SAME["learning_rate"], **SAME, **own},
        )  # fmt: skip
        rubric = RubricModule(tokenizer, rows)
        trainer = PPOTrainer(place.policy, reward_funcs=rubric.reward, args=args, train_dataset=rows, processing_class=tokenizer)
        clock = Clock()
        trainer.train()
        seconds = clock.read()
    return verdict(name, seed, updates, seconds, rubric, trainer.model, tokenizer)


def trl112(place: Place, name: str, seed: int, updates: int) -> dict:
    from transformers import AutoModelForSequenceClassification
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    _, passes, schedule = BESIDE[name]
    tokenizer = AutoTokenizer.from_pretrained(place.policy, padding_side="left")
    rows = arithmetic.train().shuffle(seed=seed)
    prompts = [tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"] for row in rows]
    tokens = [{"input_ids": ids} for ids in prompts]
    policy, reference = (AutoModelForCausalLM.from_pretrained(place.policy, dtype=torch.float32) for _ in range(2))
    critic = AutoModelForSequenceClassification.from_pretrained(place.policy, num_labels=1, dtype=torch.float32)
    nn.init.zeros_(critic.score.weight)
    rubric = RubricModule(tokenizer, rows)
    with tempfile.TemporaryDirectory() as folder:
        args = PPOConfig(
            folder, seed=seed, per_device_train_batch_size=BATCH, num_mini_batches=MINI_BATCHES, num_ppo_epochs=passes, kl_coef=KL,
            lr_scheduler_type=schedule, total_episodes=updates * BATCH, response_length=TOKENS, stop_token="eos", num_sample_generations=0,
            gradient_checkpointing=False, local_rollout_forward_batch_size=BATCH, logging_steps=10_000, **place.arguments(), **SAME,
        )  # fmt: skip
        trainer = PPOTrainer(
            args=args, processing_class=tokenizer, model=policy, ref_model=reference, reward_model=rubric,
            value_model=critic, train_dataset=Dataset.from_list(tokens), eval_dataset=Dataset.from_list(tokens[:BATCH]),
        )  # fmt: skip
        clock = Clock()
        trainer.train()
        seconds = clock.read()
    return verdict(name, seed, updates, seconds, rubric, policy, tokenizer)


def verdict(
    name: str, seed: int, updates: int, seconds: tuple[float, float], rubric: RubricModule, policy: nn.Module, tokenizer: PreTrainedTokenizerBase
) -> dict:
    assert len(rubric.earned) == updates * BATCH, len(rubric.earned)
    reward, accuracy = scored(load_rubric(RUBRIC), sampled(policy, tokenizer))
    thousands = updates * BATCH / 1000
    return {
        "trainer": name, "seed": seed, "completions": updates * BATCH, "cpu_per_1000": seconds[0] / thousands,
        "wall_per_1000": seconds[1] / thousands, "memory": peak_memory(), "earned": sum(rubric.earned) / len(rubric.earned), "reward": reward, "accuracy": accuracy,
    }  # fmt: skip


# ---- One run ----


def main() -> None:
    torch.set_num_threads(1)
    run = json.loads(sys.argv[1])
    kind, place = run.pop("kind"), Place(**run.pop("place", {}))
    if kind == "curve":
        result = train(place, **run)
    else:
        result = (trl112 if BESIDE[run["name"]].own is None else ours)(place, **run)
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
