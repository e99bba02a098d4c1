"""GRPO, RLOO and PPO on the embedded policy and rubric, and PPO against the last PPOTrainer that TRL had (1.12).

    python scripts/bench/ppo.py              # 3 seeds of everything, about 15 minutes on one free core
    python scripts/bench/ppo.py --quick      # 1 seed, a few steps: does it run
    python scripts/bench/ppo.py --picture recipes/figures/algorithms.png

What it measures, in one run:
    curves     held-out accuracy (every test question asked twice, sampled) against completions used, processor seconds and wall time
    overhead   seconds a step of PPO beside GRPO, same batch, with a separate and a shared critic
    trl 1.12   processor seconds per 1,000 completions, and the reward of the trained policy after equal completions, with the same policy,
               rubric (one module serves both), batch, epochs and learning rates; then with what TRL 1.12 has not: a critic with a
               learning rate of its own, and a critic on the policy's backbone

TRL 1.12 is installed in a virtual environment of its own, made where it is missing (--trl112); torch and transformers are this
interpreter's, so that only TRL differs. Every run has one thread, algorithms take turns, and evaluation is not counted. Processor seconds
are the numbers to compare on a machine that does other work; wall time is beside them. Results go to a JSON file next to the picture.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

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

POLICY = str(ROOT / "recipes/policies/arithmetic")
RUBRIC = str(ROOT / "recipes/rubrics/arithmetic.yaml")
ALGORITHMS = ("grpo", "rloo", "ppo")
BATCH = 128  # completions a step
TOKENS = 32  # longest completion

# ---- What is trained, and how well it did ----


class Clock:
    """Processor and wall seconds, without what happens inside `stopped`."""

    def __init__(self) -> None:
        self.cpu, self.wall = -time.process_time(), -time.perf_counter()

    def read(self) -> tuple[float, float]:
        return self.cpu + time.process_time(), self.wall + time.perf_counter()

    def stopped(self, seconds: tuple[float, float]) -> None:
        """Take back to `seconds`, an earlier reading."""
        now = self.read()
        self.cpu, self.wall = self.cpu - (now[0] - seconds[0]), self.wall - (now[1] - seconds[1])


def sampled(model: nn.Module, tokenizer: PreTrainedTokenizerBase, times: int = 2) -> list[tuple[dict, str, list[int]]]:
    """Responses to every test question, `times` each, sampled as in training: (row, response, token ids). Leaves the random state alone."""
    rows = list(arithmetic.test()) * times
    texts = [tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False) for row in rows]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
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


def train(algorithm: str, seed: int, steps: int, every: int, **options: object) -> dict:
    """One run; its curve, and seconds a step without the evaluations."""
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    from rl_rewards.trainers import PPOConfig, PPOTrainer

    trainer_class, config_class, own = {
        "grpo": (GRPOTrainer, GRPOConfig, {"num_generations": 16, "beta": 0.0}),
        "rloo": (RLOOTrainer, RLOOConfig, {"num_generations": 16, "beta": 0.0}),
        "ppo": (PPOTrainer, PPOConfig, {"critic_learning_rate": 1e-3}),
    }[algorithm]
    rubric = load_rubric(RUBRIC)
    common = {
        "per_device_train_batch_size": BATCH, "max_completion_length": TOKENS, "learning_rate": 7e-4, "lr_scheduler_type": "linear",
        "adam_beta2": 0.99, "use_cpu": True, "bf16": False, "activation_checkpointing": False, "report_to": "none", "save_strategy": "no",
        "logging_strategy": "no", "disable_tqdm": True, "reward_weights": rubric.reward_weights,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        args = config_class(folder, seed=seed, max_steps=steps, **{**common, **own, **options})
        clock = Clock()
        curve = Curve(rubric, every, clock)
        trainer = trainer_class(POLICY, reward_funcs=rubric.reward_funcs, args=args, train_dataset=arithmetic.train(), callbacks=[curve])
        clock.stopped((0.0, 0.0))
        curve.point(0, trainer.model, trainer.processing_class)
        trainer.train()
    cpu, wall = clock.read()
    seconds = {"cpu_per_step": cpu / steps, "wall_per_step": wall / steps}
    return {"algorithm": algorithm, "seed": seed, "steps": steps, **seconds, "points": curve.points}


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
            rewards = torch.tensor(self.owner.rewards(questions, completions))
            return BaseModelOutput(hidden_states=(rewards[:, None, None].expand(*input_ids.shape, 1),))

    def rewards(self, questions: list[str], completions: list[str]) -> list[float]:
        ids = self.tokenizer(completions, add_special_tokens=False)["input_ids"]
        rows = [self.rows[question] for question in questions]
        samples = [sample(row, text, [*own, 0], i) for i, (row, text, own) in enumerate(zip(rows, completions, ids, strict=True))]
        return self.rubric.evaluate(samples).totals()

    def reward(self, prompts, completions, **columns):
        return self.rewards([prompt[0]["content"] for prompt in prompts], [completion[0]["content"] for completion in completions])


# What both PPOTrainers are given. The rate is constant because TRL 1.12 lowers it after an update, ours after a step.
SAME = {
    "learning_rate": 5e-4, "lr_scheduler_type": "constant", "gamma": 1.0, "lam": 0.95, "vf_coef": 0.5, "cliprange_value": 0.2,
    "temperature": 1.0, "missing_eos_penalty": 0.5, "kl_estimator": "k1", "use_cpu": True, "bf16": False, "report_to": "none",
    "save_strategy": "no", "disable_tqdm": True,
}  # fmt: skip
KL, EPOCHS, MINI_BATCHES = 0.02, 2, 2


# "ours" has TRL 1.12's settings, one learning rate for both models. A shared critic is one small layer, so it may go faster; its loss pulls
# at the policy's backbone, too, so it weighs less.
VARIANTS: dict[str, dict] = {
    "ours": {},
    "ours, faster critic": {"critic_learning_rate": 2e-3},
    "ours, shared critic": {"critic": "shared", "critic_learning_rate": 5e-3, "vf_coef": 0.1},
}


def ours(seed: int, updates: int, variant: str = "ours") -> dict:
    from rl_rewards.trainers import PPOConfig, PPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    rows = arithmetic.train()
    with tempfile.TemporaryDirectory() as folder:
        args = PPOConfig(
            folder, seed=seed, per_device_train_batch_size=BATCH // MINI_BATCHES, steps_per_generation=MINI_BATCHES, num_iterations=EPOCHS,
            max_steps=updates * EPOCHS * MINI_BATCHES, beta=KL, max_completion_length=TOKENS, activation_checkpointing=False,
            logging_strategy="no", **{"critic_learning_rate": SAME["learning_rate"], **SAME, **VARIANTS[variant]},
        )  # fmt: skip
        reward = RubricModule(tokenizer, rows).reward
        trainer = PPOTrainer(POLICY, reward_funcs=reward, args=args, train_dataset=rows, processing_class=tokenizer)
        clock = Clock()
        trainer.train()
        seconds = clock.read()
    return verdict(variant, seed, updates, seconds, trainer.model, tokenizer)


def trl112(seed: int, updates: int) -> dict:
    from transformers import AutoModelForSequenceClassification
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(POLICY, padding_side="left")
    rows = arithmetic.train().shuffle(seed=seed)
    prompts = [tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"] for row in rows]
    tokens = [{"input_ids": ids} for ids in prompts]
    policy, reference = (AutoModelForCausalLM.from_pretrained(POLICY, dtype=torch.float32) for _ in range(2))
    critic = AutoModelForSequenceClassification.from_pretrained(POLICY, num_labels=1, dtype=torch.float32)
    nn.init.zeros_(critic.score.weight)
    with tempfile.TemporaryDirectory() as folder:
        args = PPOConfig(
            folder, seed=seed, per_device_train_batch_size=BATCH, num_mini_batches=MINI_BATCHES, num_ppo_epochs=EPOCHS, kl_coef=KL,
            total_episodes=updates * BATCH, response_length=TOKENS, stop_token="eos", num_sample_generations=0,
            gradient_checkpointing=False, local_rollout_forward_batch_size=BATCH, logging_steps=10_000, **SAME,
        )  # fmt: skip
        trainer = PPOTrainer(
            args=args, processing_class=tokenizer, model=policy, ref_model=reference, reward_model=RubricModule(tokenizer, rows),
            value_model=critic, train_dataset=Dataset.from_list(tokens), eval_dataset=Dataset.from_list(tokens[:BATCH]),
        )  # fmt: skip
        clock = Clock()
        trainer.train()
        seconds = clock.read()
    return verdict("trl 1.12", seed, updates, seconds, policy, tokenizer)


def verdict(
    name: str, seed: int, updates: int, seconds: tuple[float, float], policy: nn.Module, tokenizer: PreTrainedTokenizerBase
) -> dict:
    reward, accuracy = scored(load_rubric(RUBRIC), sampled(policy, tokenizer))
    thousands = updates * BATCH / 1000
    return {
        "trainer": name, "seed": seed, "completions": updates * BATCH, "cpu_per_1000": seconds[0] / thousands,
        "wall_per_1000": seconds[1] / thousands, "reward": reward, "accuracy": accuracy,
    }  # fmt: skip


def other_environment(folder: Path) -> str:
    """The interpreter of a virtual environment with TRL 1.12 and this interpreter's other packages; made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=False)
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        site.joinpath("this_interpreters_packages.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), "trl==1.12.0"], check=True)
    return str(python)


# ---- The run ----


def alone(arguments: list[str], python: str = sys.executable) -> dict:
    """Run one measurement in a process of its own; its result is the last line it prints."""
    done = subprocess.run([python, __file__, *arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def mean_curve(runs: list[dict]) -> list[dict]:
    steps = zip(*(run["points"] for run in runs), strict=True)
    return [{key: mean([point[key] for point in points]) for key in points[0]} for points in steps]


def report(results: dict) -> list[str]:
    curves = {name: mean_curve([run for run in results["curves"] if run["algorithm"] == name]) for name in ALGORITHMS}
    lines = ["Held-out accuracy, mean over seeds", "completions  " + "".join(f"{name:>9}" for name in ALGORITHMS)]
    for points in zip(*curves.values(), strict=True):
        lines.append(f"{points[0]['completions']:>11.0f}  " + "".join(f"{point['accuracy']:9.3f}" for point in points))
    goal, spent = curves["grpo"][-1]["accuracy"], curves["grpo"][-1]["completions"]
    reached = next((point["completions"] for point in curves["ppo"] if point["accuracy"] >= goal), None)
    when = f"after {reached:.0f} completions, {reached / spent:.2f}x GRPO's (goal: at most 1.3x)" if reached else "not within its run"
    lines.append(f"PPO reaches GRPO's final accuracy of {goal:.3f} {when}")
    for name in ALGORITHMS:
        final = " ".join(f"{run['points'][-1]['accuracy']:.3f}" for run in results["curves"] if run["algorithm"] == name)
        last = curves[name][-1]
        lines.append(f"{name}: final accuracy {final}; {last['cpu']:.0f} processor s, {last['wall']:.0f} s wall a run")
    lines.append("Seconds a step of 128 completions (processor / wall), beside GRPO's")
    base = mean([run["cpu_per_step"] for run in results["curves"] if run["algorithm"] == "grpo"])
    timed = {name: [run for run in results["curves"] if run["algorithm"] == name] for name in ALGORITHMS}
    for name, runs in {**timed, "ppo, shared critic": results["shared"]}.items():
        cpu, wall = mean([run["cpu_per_step"] for run in runs]), mean([run["wall_per_step"] for run in runs])
        lines.append(f"  {name:<20}{cpu:6.3f} / {wall:6.3f}   {cpu / base:.2f}x")
    lines.append("PPO beside TRL 1.12's PPOTrainer, same policy, rubric, batch, epochs, learning rates")
    for name in ("trl 1.12", *VARIANTS):
        runs = [run for run in results["trainers"] if run["trainer"] == name]
        of = {key: mean([run[key] for run in runs]) for key in ("cpu_per_1000", "wall_per_1000", "reward", "accuracy", "completions")}
        lines.append(
            f"  {name:<20}{of['cpu_per_1000']:6.2f} processor s ({of['wall_per_1000']:.2f} s wall) per 1,000 completions; after "
            f"{of['completions']:.0f}: reward {of['reward']:.3f} ({' '.join(format(run['reward'], '.3f') for run in runs)}), "
            f"accuracy {of['accuracy']:.3f}"
        )
    return lines


def draw(results: dict, file: Path) -> None:
    """Three curves side by side: accuracy by completions, and by processor seconds; each seed thin, the mean thick."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = {"grpo": "#1f77b4", "rloo": "#7f7f7f", "ppo": "#d62728"}
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for axis, key, label in ((axes[0], "completions", "completions used"), (axes[1], "cpu", "processor seconds, one core")):
        for name in ALGORITHMS:
            runs = [run for run in results["curves"] if run["algorithm"] == name]
            for run in runs:
                points = run["points"]
                axis.plot([p[key] for p in points], [p["accuracy"] for p in points], color=colours[name], alpha=0.25, linewidth=1)
            curve = mean_curve(runs)
            axis.plot([p[key] for p in curve], [p["accuracy"] for p in curve], color=colours[name], linewidth=2.5, label=name.upper())
        axis.set_xlabel(label)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("held-out accuracy")
    axes[0].set_ylim(bottom=0, top=1)
    axes[0].legend(frameon=False, loc="lower right")
    figure.suptitle(f"The embedded policy and rubric, {len(results['seeds'])} seeds: thick lines are means", fontsize=11)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed and a few steps")
    parser.add_argument("--steps", type=int, default=100, help="steps of 128 completions a run of the curves")
    parser.add_argument("--updates", type=int, default=25, help="updates of 128 completions a run beside TRL 1.12")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path, default=ROOT / "runs/algorithms.png")
    environment = Path(tempfile.gettempdir()) / "rl_rewards-trl112"
    parser.add_argument("--trl112", type=Path, default=environment, help="virtual environment with TRL 1.12")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # one measurement, in the process that `alone` starts
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        kind, *rest = options.one
        if kind == "train":
            algorithm, seed, steps, every, *shared = rest
            result = train(algorithm, int(seed), int(steps), int(every), **(VARIANTS["ours, shared critic"] if shared else {}))
        elif kind == "ours":
            seed, updates, variant = rest
            result = ours(int(seed), int(updates), variant)
        else:
            result = trl112(int(rest[0]), int(rest[1]))
        print("\n" + json.dumps(result))
        return

    if options.quick:
        options.steps, options.updates, options.seeds = 4, 2, 1
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    old_python = other_environment(options.trl112)
    every = max(options.steps // 10, 1)
    results: dict = {"seeds": [], "curves": [], "shared": [], "trainers": []}
    for seed in range(options.seeds):
        for name in ALGORITHMS:
            results["curves"].append(alone(["--one", "train", name, str(seed), str(options.steps), str(every)]))
            print(f"seed {seed} {name}: accuracy {results['curves'][-1]['points'][-1]['accuracy']:.3f}", flush=True)
        results["shared"].append(alone(["--one", "train", "ppo", str(seed), str(max(options.steps // 5, 1)), "1000000", "shared"]))
        results["trainers"].append(alone(["--one", "trl112", str(seed), str(options.updates)], old_python))
        results["trainers"] += [alone(["--one", "ours", str(seed), str(options.updates), variant]) for variant in VARIANTS]
        results["seeds"] = list(range(seed + 1))
        options.picture.with_suffix(".json").write_text(json.dumps(results))
        draw(results, options.picture)
    print("\n".join(report(results)))


if __name__ == "__main__":
    main()
