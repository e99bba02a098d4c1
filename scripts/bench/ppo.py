"""GRPO, RLOO and PPO on the embedded policy and rubric, and PPO against the last PPOTrainer that TRL had (1.12).

    python scripts/bench/ppo.py              # 8 seeds: five hours on one free core, of which the task of token credit takes one
    python scripts/bench/ppo.py --quick      # 1 seed, a few steps: does it run
    python scripts/bench/ppo.py --seeds 3 --only curves      # one part of it; runs that are there already are not run again
    python scripts/bench/ppo.py --device cuda --shape qwen0.5b --steps 10 --updates 4 --seeds 1      # GPU, bf16: times and memory
    python scripts/bench/ppo.py --picture recipes/figures/algorithms.png

What it measures, in one run:
    curves     held-out accuracy (every test question asked twice, sampled) against completions used, processor seconds and wall time;
               `control` is PPO without a critic, which shows what of PPO's gain is the critic's
    overhead   seconds a step of PPO beside GRPO, same batch, with a separate and a shared critic
    credit     the table of token_credit.py: whether a critic pays where credit by token matters, by the length of responses
    trl 1.12   processor seconds per 1,000 completions, the mean reward of all completions, and that of the trained policy, with the same policy,
               rubric (one module serves both), batch, passes and learning rates; then with what TRL 1.12 has not: a critic with a
               learning rate of its own, and a critic on the policy's backbone

TRL 1.12 is installed in a virtual environment of its own, made where it is missing (--trl112); torch and transformers are this
interpreter's, so that only TRL differs. Every run has one thread, algorithms take turns, and evaluation is not counted. Processor seconds
are the numbers to compare on a machine that does other work; wall time is beside them. Runs go to a JSON file next to the picture, and one that
is there is not run again: a measurement that was cut short goes on, and every part is printed of the runs that there are.
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
from statistics import mean

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from scripts.bench import token_credit  # noqa: E402
from scripts.bench.ppo_runs import BESIDE, EMBEDDED, Place  # noqa: E402

RUNS = Path(__file__).with_name("ppo_runs.py")
ALGORITHMS = ("grpo", "rloo", "control", "ppo")
PARTS = ("curves", "beside", "credit")
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


def alone(place: Place, python: str, **run: object) -> dict:
    """Run one measurement in a process of its own; its result is the last line it prints."""
    arguments = json.dumps({"place": place._asdict(), **run})
    done = subprocess.run([python, str(RUNS), arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def mean_curve(runs: list[dict]) -> list[dict]:
    steps = zip(*(run["points"] for run in runs), strict=True)
    return [{key: mean(point[key] for point in points) for key in points[0]} for points in steps]


def report(results: dict[str, dict]) -> list[str]:
    """The tables, of the runs that there are."""
    return [*curve_lines(results), *beside_lines(results)]


def of(results: dict[str, dict], **wanted: object) -> list[dict]:
    """The runs whose arguments are as wanted, and which have no others but a seed and their size."""
    size = {"seed", "steps", "every", "updates"}
    runs = ((json.loads(key), run) for key, run in results.items())
    return [run for arguments, run in runs if {name: value for name, value in arguments.items() if name not in size} == wanted]


def curves_of(results: dict[str, dict]) -> dict[str, list[dict]]:
    return {name: runs for name in ALGORITHMS if (runs := of(results, kind="curve", algorithm=name))}


def curve_lines(results: dict[str, dict]) -> list[str]:
    runs_of = curves_of(results)
    if not runs_of:
        return []
    curves = {name: mean_curve(runs) for name, runs in runs_of.items()}
    lines = ["Held-out accuracy, mean over seeds", "completions  " + "".join(f"{name:>9}" for name in curves)]
    for points in zip(*curves.values(), strict=True):
        lines.append(f"{points[0]['completions']:>11.0f}  " + "".join(f"{point['accuracy']:9.3f}" for point in points))
    if {"grpo", "ppo"} <= curves.keys():
        goal, spent = curves["grpo"][-1]["accuracy"], curves["grpo"][-1]["completions"]
        reached = next((point["completions"] for point in curves["ppo"] if point["accuracy"] >= goal), None)
        when = f"after {reached:.0f} completions, {reached / spent:.2f}x GRPO's" if reached is not None else "not within its run"
        lines.append(f"PPO reaches GRPO's final accuracy of {goal:.3f} {when}")
    for name, runs in runs_of.items():
        accuracies, rewards = ([run["points"][-1][key] for run in runs] for key in ("accuracy", "reward"))
        last, seeds = curves[name][-1], " ".join(f"{final:.3f}" for final in accuracies)
        lines.append(
            f"{name}: final accuracy {token_credit.interval(accuracies)} ({seeds}), reward {token_credit.interval(rewards)}; "
            f"{last['cpu']:.0f} processor s, {last['wall']:.0f} s wall a run"
        )
    lines.append("Seconds a step of 128 completions (processor / wall), beside GRPO's; peak memory in MiB")
    timed = {**runs_of, "ppo, shared critic": of(results, kind="curve", algorithm="ppo", shared=True)}
    base = mean(run["cpu_per_step"] for run in next(iter(runs_of.values())))
    for name, runs in timed.items():
        if runs:
            cpu, wall, memory = (mean(run[key] for run in runs) for key in ("cpu_per_step", "wall_per_step", "memory"))
            lines.append(f"  {name:<20}{cpu:6.3f} / {wall:6.3f}   {cpu / base:.2f}x   {memory:6.0f}")
    return lines


def beside_lines(results: dict[str, dict]) -> list[str]:
    runs_of = {name: {run["seed"]: run for run in of(results, kind="beside", name=name)} for name in BESIDE}
    lines = ["PPO beside TRL 1.12's PPOTrainer, same policy, rubric, batch, passes (two) and learning rates (falling linearly)"]
    for name, (own, *rest) in BESIDE.items():
        if not (runs := list(runs_of[name].values())):
            continue
        seconds, wall, memory, accuracy = (mean(run[key] for run in runs) for key in ("cpu_per_1000", "wall_per_1000", "memory", "accuracy"))
        earned, rewards = (token_credit.interval([run[key] for run in runs]) for key in ("earned", "reward"))
        lines.append(
            f"  {name:<34}{seconds:6.2f} processor s ({wall:.2f} s wall) per 1,000 completions, {memory:.0f} MiB; reward of all {runs[0]['completions']} "
            f"completions {earned}; of the trained policy {rewards}, accuracy {accuracy:.3f}; seeds {len(runs)}"
        )
        other = runs_of[next(trl for trl, (theirs, *same) in BESIDE.items() if theirs is None and same == rest)]
        if own is not None and (seeds := sorted(runs_of[name].keys() & other.keys())):
            time, more, better = (
                token_credit.interval([runs_of[name][seed][key] - other[seed][key] for seed in seeds]) for key in ("cpu_per_1000", "earned", "reward")
            )
            lines.append(f"  {'  less TRL 1.12, seed by seed':<34}{time} processor s; {more}; {better}")
    return lines if len(lines) > 1 else []


def draw(results: dict[str, dict], file: Path) -> None:
    """Each algorithm's accuracy by completions, and by processor seconds; each seed thin, the mean thick."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = {"grpo": "#1f77b4", "rloo": "#7f7f7f", "ppo": "#d62728", "control": "#ff9896"}
    labels = {"grpo": "GRPO", "rloo": "RLOO", "ppo": "PPO", "control": "PPO without critic"}
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for axis, key, label in ((axes[0], "completions", "completions used"), (axes[1], "cpu", "processor seconds, one core")):
        for name, runs in curves_of(results).items():
            for run in runs:
                points = run["points"]
                axis.plot([p[key] for p in points], [p["accuracy"] for p in points], color=colours[name], alpha=0.25, linewidth=1)
            curve = mean_curve(runs)
            axis.plot([p[key] for p in curve], [p["accuracy"] for p in curve], color=colours[name], linewidth=2.5, label=labels[name])
        axis.set_xlabel(label)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("held-out accuracy")
    axes[0].set_ylim(bottom=0, top=1)
    axes[0].legend(frameon=False, loc="lower right")
    figure.suptitle(f"The embedded policy and rubric, {len(of(results, kind='curve', algorithm='grpo'))} seeds: thick lines are means", fontsize=11)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed and a few steps")
    parser.add_argument("--steps", type=int, default=100, help="steps of 128 completions a run of the curves")
    parser.add_argument("--updates", type=int, default=25, help="updates of 128 completions a run beside TRL 1.12")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to run")
    parser.add_argument("--picture", type=Path, default=ROOT / "runs/algorithms.png")
    environment = Path(tempfile.gettempdir()) / "rl_rewards-trl112"
    parser.add_argument("--trl112", type=Path, default=environment, help="virtual environment with TRL 1.12")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=["embedded", *SHAPES], default="embedded")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.updates, options.seeds = 4, 2, 1
        options.picture = options.picture.with_stem(f"{options.picture.stem}_quick")
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    old_python = other_environment(options.trl112) if "beside" in options.only else ""
    with tempfile.TemporaryDirectory() as folder:
        policy = EMBEDDED if options.shape == "embedded" else shaped_policy(options.shape, Path(folder))
        results = measure(Place(policy, options.device), options, old_python)
    print("\n".join(report(results)), flush=True)
    if "credit" in options.only and options.device == "cpu":
        print("\n".join(token_credit.measure(options.seeds, quick=options.quick)))


def measure(place: Place, options: argparse.Namespace, old_python: str) -> dict[str, dict]:
    """This shape's runs on this device by their arguments, algorithms and trainers taking turns; picture and JSON file grow with them."""
    file, where = options.picture.with_suffix(".json"), f"{options.shape} {options.device}"
    kept: dict[str, dict[str, dict]] = json.loads(file.read_text()) if file.is_file() else {}
    results = kept.setdefault(where, {})

    def once(python: str = sys.executable, **run: object) -> None:
        key = json.dumps(run, sort_keys=True)
        if key not in results:
            results[key] = alone(place, python, **run)
            file.write_text(json.dumps(kept))
            print(f"{key}: accuracy {results[key].get('points', [results[key]])[-1]['accuracy']:.3f}", file=sys.stderr, flush=True)

    every, few = max(options.steps // 10, 1), max(options.steps // 5, 1)
    for seed in range(options.seeds):
        if "curves" in options.only:
            for name in ALGORITHMS:
                once(kind="curve", algorithm=name, seed=seed, steps=options.steps, every=every)
            once(kind="curve", algorithm="ppo", seed=seed, steps=few, every=few, shared=True)
            draw(results, options.picture)
        if "beside" in options.only:
            for name, settings in BESIDE.items():
                once(old_python if settings.own is None else sys.executable, kind="beside", name=name, seed=seed, updates=options.updates)
    return results


if __name__ == "__main__":
    main()
