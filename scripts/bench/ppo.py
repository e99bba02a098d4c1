"""GRPO, RLOO and PPO on the embedded policy and rubric, and PPO against the last PPOTrainer that TRL had (1.12).

    python scripts/bench/ppo.py              # 8 seeds: five hours on one free core, of which the task of token credit takes one
    python scripts/bench/ppo.py --quick      # 1 seed, a few steps: does it run
    python scripts/bench/ppo.py --seeds 3 --without credit beside      # the curves alone
    python scripts/bench/ppo.py --device cuda --shape qwen0.5b --steps 10 --updates 4 --seeds 1      # GPU, bf16: times and memory
    python scripts/bench/ppo.py --picture recipes/figures/algorithms.png

What it measures, in one run:
    curves     held-out accuracy (every test question asked twice, sampled) against completions used, processor seconds and wall time;
               `control` is PPO without a critic, which shows what of PPO's gain is the critic's
    overhead   seconds a step of PPO beside GRPO, same batch, with a separate and a shared critic
    credit     the table of token_credit.py: whether a critic pays where credit by token matters, by the length of responses
    trl 1.12   processor seconds per 1,000 completions, and the reward of the trained policy after equal completions, with the same policy,
               rubric (one module serves both), batch, passes and learning rates; then with what TRL 1.12 has not: a critic with a
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
import venv
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from scripts.bench import token_credit  # noqa: E402
from scripts.bench.ppo_runs import BESIDE, EMBEDDED, Place  # noqa: E402

RUNS = Path(__file__).with_name("ppo_runs.py")
ALGORITHMS = ("grpo", "rloo", "control", "ppo")
SHAPES = {
    "qwen0.5b": {
        "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
        "vocab_size": 151936, "tie_word_embeddings": True,
    },
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


def shaped_policy(shape: str, folder: Path) -> str:
    """A policy of another shape with random weights and the embedded policy's tokenizer, saved in `folder`."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    config = Qwen2Config(**SHAPES[shape], pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id)
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def alone(kind: str, place: Place, python: str = sys.executable, **run: object) -> dict:
    """Run one measurement in a process of its own; its result is the last line it prints."""
    arguments = json.dumps({"kind": kind, "place": place._asdict(), **run})
    done = subprocess.run([python, str(RUNS), arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def mean_curve(runs: list[dict]) -> list[dict]:
    steps = zip(*(run["points"] for run in runs), strict=True)
    return [{key: mean(point[key] for point in points) for key in points[0]} for points in steps]


def report(results: dict) -> list[str]:
    curves = {name: mean_curve([run for run in results["curves"] if run["algorithm"] == name]) for name in ALGORITHMS}
    lines = ["Held-out accuracy, mean over seeds", "completions  " + "".join(f"{name:>9}" for name in ALGORITHMS)]
    for points in zip(*curves.values(), strict=True):
        lines.append(f"{points[0]['completions']:>11.0f}  " + "".join(f"{point['accuracy']:9.3f}" for point in points))
    goal, spent = curves["grpo"][-1]["accuracy"], curves["grpo"][-1]["completions"]
    reached = next((point["completions"] for point in curves["ppo"] if point["accuracy"] >= goal), None)
    when = f"after {reached:.0f} completions, {reached / spent:.2f}x GRPO's (goal: at most 1.3x)" if reached is not None else "not within its run"
    lines.append(f"PPO reaches GRPO's final accuracy of {goal:.3f} {when}")
    for name in ALGORITHMS:
        finals = [run["points"][-1]["accuracy"] for run in results["curves"] if run["algorithm"] == name]
        last = curves[name][-1]
        seeds = " ".join(f"{final:.3f}" for final in finals)
        lines.append(
            f"{name}: final accuracy {token_credit.interval(finals)} ({seeds}); {last['cpu']:.0f} processor s, {last['wall']:.0f} s wall a run"
        )
    lines.append("Seconds a step of 128 completions (processor / wall), beside GRPO's; peak memory in MiB")
    base = mean(run["cpu_per_step"] for run in results["curves"] if run["algorithm"] == "grpo")
    timed = {name: [run for run in results["curves"] if run["algorithm"] == name] for name in ALGORITHMS}
    for name, runs in {**timed, "ppo, shared critic": results["shared"]}.items():
        cpu, wall, memory = (mean(run[key] for run in runs) for key in ("cpu_per_step", "wall_per_step", "memory"))
        lines.append(f"  {name:<20}{cpu:6.3f} / {wall:6.3f}   {cpu / base:.2f}x   {memory:6.0f}")
    lines.append("PPO beside TRL 1.12's PPOTrainer, same policy, rubric, batch, passes (two) and learning rates (falling linearly)")
    for name in BESIDE if results["beside"] else ():
        runs = [run for run in results["beside"] if run["trainer"] == name]
        of = {key: mean(run[key] for run in runs) for key in ("cpu_per_1000", "wall_per_1000", "memory", "reward", "accuracy")}
        rewards = [run["reward"] for run in runs]
        error = stdev(rewards) / len(rewards) ** 0.5 if len(rewards) > 1 else 0.0
        lines.append(
            f"  {name:<34}{of['cpu_per_1000']:6.2f} processor s ({of['wall_per_1000']:.2f} s wall) per 1,000 completions, "
            f"{of['memory']:.0f} MiB; after {runs[0]['completions']}: reward {of['reward']:.4f} +- {error:.4f}, accuracy {of['accuracy']:.3f}; "
            f"seeds {' '.join(format(reward, '.3f') for reward in rewards)}"
        )
    return lines


def draw(results: dict, file: Path) -> None:
    """Three curves side by side: accuracy by completions, and by processor seconds; each seed thin, the mean thick."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = {"grpo": "#1f77b4", "rloo": "#7f7f7f", "ppo": "#d62728", "control": "#ff9896"}
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
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--without", nargs="+", choices=["beside", "credit"], default=[], help="leave TRL 1.12 out, or the task of token credit")
    parser.add_argument("--picture", type=Path, default=ROOT / "runs/algorithms.png")
    environment = Path(tempfile.gettempdir()) / "rl_rewards-trl112"
    parser.add_argument("--trl112", type=Path, default=environment, help="virtual environment with TRL 1.12")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=["embedded", *SHAPES], default="embedded")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.updates, options.seeds = 4, 2, 1
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    old_python = "" if "beside" in options.without else other_environment(options.trl112)
    with tempfile.TemporaryDirectory() as folder:
        policy = EMBEDDED if options.shape == "embedded" else shaped_policy(options.shape, Path(folder))
        results = measure(Place(policy, options.device), options, old_python)
    print("\n".join(report(results)), flush=True)
    if "credit" not in options.without and options.device == "cpu":
        print("\n".join(token_credit.measure(options.seeds, quick=options.quick)))


def measure(place: Place, options: argparse.Namespace, old_python: str) -> dict:
    """All runs, algorithms and trainers taking turns; picture and JSON file grow with them."""
    results: dict = {"seeds": [], "curves": [], "shared": [], "beside": []}
    every = max(options.steps // 10, 1)
    for seed in range(options.seeds):
        for name in ALGORITHMS:
            results["curves"].append(alone("curve", place, algorithm=name, seed=seed, steps=options.steps, every=every))
            print(f"seed {seed} {name}: accuracy {results['curves'][-1]['points'][-1]['accuracy']:.3f}", flush=True)
        few = max(options.steps // 5, 1)
        results["shared"].append(alone("curve", place, algorithm="ppo", seed=seed, steps=few, every=few, shared=True))
        results["seeds"].append(seed)
        draw(results, options.picture)
        options.picture.with_suffix(".json").write_text(json.dumps(results))
    for seed in range(0 if "beside" in options.without else options.seeds):
        for name, settings in BESIDE.items():
            python = old_python if settings.own is None else sys.executable
            results["beside"].append(alone("beside", place, python, name=name, seed=seed, updates=options.updates))
        print(f"seed {seed}: beside TRL 1.12", flush=True)
        options.picture.with_suffix(".json").write_text(json.dumps(results))
    return results


if __name__ == "__main__":
    main()
