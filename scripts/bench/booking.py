"""What SmolLM2-135M learned from recipes/configs/smollm2_booking.yaml: held-out rewards before and after, what drove them, completions side by side.

    for seed in 1 2 3; do bash scripts/learn.sh --seed $seed --output_dir runs/booking_$seed; done
    python scripts/bench/booking.py runs/booking_*                  # reads the records, and asks each model once more without sampling
    python scripts/bench/booking.py runs/booking_* --no-greedy      # the records alone, seconds

Means are over the 96 held-out requests of a run, intervals 95 % of Student's t over runs. A reward's share is its weight times its rise: the shares
add up to the rise of the total. Without sampling a model writes its likeliest completion, so what rises there is not less noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from rl_rewards.recording import read_record  # noqa: E402
from rl_rewards.recording.plot import draw  # noqa: E402
from rl_rewards.recording.summary import Curve, RunSummary, summarise  # noqa: E402
from scripts.bench.token_credit import interval  # noqa: E402

BASE = ROOT / "models/smollm2-135m-instruct"
RUBRIC, DATA = "recipes/rubrics/booking.yaml", "recipes.booking:test"


def sampled(runs: list[RunSummary]) -> Table:
    """Held-out means before and after training, as the runs evaluated them: sampled at the temperature of training."""
    rows = []
    for i, reward in enumerate(runs[0].rewards):
        curves = [run.rewards[i].evaluation.values for run in runs]
        rows.append((reward.name, reward.weight, [curve[0] for curve in curves], [curve[-1] for curve in curves]))
    rows.append(("total", None, [run.total_evaluation.values[0] for run in runs], [run.total_evaluation.values[-1] for run in runs]))
    return _table(f"Sampled, {len(runs)} runs", rows)


def greedy(runs: list[Path], names: list[str], weights: list[float]) -> Table:
    """The same of the likeliest completion of each request: the base model once, each trained one once."""
    before = _likeliest(BASE, runs[0] / "likeliest_before.json")
    after = [_likeliest(run, run / "likeliest.json") for run in runs]
    rows: list[tuple[str, float | None, list[float], list[float]]] = [
        (name, weight, [before[name]], [each[name] for each in after]) for name, weight in zip(names, weights, strict=True)
    ]
    totals = [sum(weight * each[name] for name, weight in zip(names, weights, strict=True)) for each in (before, *after)]
    return _table("Not sampled: the likeliest completion", [*rows, ("total", None, totals[:1], totals[1:])])


def _likeliest(model: Path, file: Path) -> dict[str, float]:
    """Mean of each reward, which `rl-rewards evaluate` writes to `file` where it is not there yet."""
    if not file.is_file():
        command = [sys.executable, "-m", "rl_rewards", "evaluate", RUBRIC, DATA, "--model", str(model), "--temperature", "0", "--max-tokens", "32"]
        done = subprocess.run([*command, "--json", str(file)], capture_output=True, text=True, cwd=ROOT)
        if not file.is_file():
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    numbers = json.loads(file.read_text())["numbers"]
    return {name.split("/")[1]: number["value"] for name, number in numbers.items() if name.endswith("/mean")}


def _table(title: str, rows: list[tuple[str, float | None, list[float], list[float]]]) -> Table:
    table = Table(title=title, title_justify="left", min_width=len(title))
    for heading in ("reward", "weight", "before", "after", "share of the rise"):
        table.add_column(heading, justify="left" if heading == "reward" else "right")
    for name, weight, before, after in rows:
        starts = before if len(before) == len(after) else before * len(after)
        rises = [(1.0 if weight is None else weight) * (last - first) for first, last in zip(starts, after, strict=True)]
        table.add_row(
            name, "" if weight is None else f"{weight:g}", interval(before), interval(after), interval(rises) if weight != 0 else "metric",
            style="bold" if weight is None else None,
        )  # fmt: skip
    return table


def side_by_side(run: Path, of_each: int = 2) -> Table:
    """Completions of the same held-out requests before and after; the first of each kind, and the worst that is left."""
    columns = ["mode", "step", "prompt_id", "prompt", "completion", "references", "reward", "weight", "score"]
    found: dict[str, dict] = {}
    rows = [row for row in read_record(run).table(columns).to_pylist() if row["mode"] == "eval"]
    first, last = min(row["step"] for row in rows), max(row["step"] for row in rows)
    for row in rows:
        entry = found.setdefault(row["prompt_id"], {"request": json.loads(row["prompt"])[-1]["content"], "row": json.loads(row["references"])})
        if row["step"] in (first, last):
            text, total = entry.get(row["step"], (None, 0.0))
            entry[row["step"]] = (_said(row["completion"]), total + (row["weight"] or 0.0) * (row["score"] or 0.0))
    table = Table(title=f"Held-out requests of {run.name}: one completion before, one after", title_justify="left")
    for heading in ("held out", "request", "before", "", "after", ""):
        table.add_column(heading)
    entries, shown = list(found.values()), []
    for kind in ("wording", "cities", "both"):
        shown += [entry for entry in entries if entry["row"]["held_out"] == kind][:of_each]
    shown += sorted((entry for entry in entries if entry not in shown), key=lambda entry: entry[last][1])[:of_each]
    for entry in shown:
        (before, worth), (after, worth_after) = entry[first], entry[last]
        table.add_row(entry["row"]["held_out"], entry["request"], before, f"{worth:.1f}", after, f"{worth_after:.1f}")
    return table


def _said(completion: str) -> str:
    """The text of a completion, which the record keeps as it is or as messages."""
    return json.loads(completion)[-1]["content"] if completion.startswith("[{") else completion


def averaged(runs: list[RunSummary]) -> RunSummary:
    """The mean of runs of equal length, without components: each field has a reward of its own here."""

    def mean(curves: list[Curve]) -> Curve:
        return Curve(curves[0].steps, np.mean([curve.values for curve in curves], axis=0))

    rewards = [
        replace(
            same[0],
            components={},
            **{name: mean([getattr(reward, name) for reward in same]) for name in ("mean", "evaluation", "unparsed", "errors")},
        )
        for same in zip(*(run.rewards for run in runs), strict=True)
        if np.isfinite(same[0].mean.values).any()  # not so where a metric is of the test alone
    ]
    return RunSummary(rewards, mean([run.total for run in runs]), mean([run.total_evaluation for run in runs]))


def seconds(run: Path) -> float:
    """Wall seconds of a run's training steps, without its evaluations."""
    state = max(run.glob("checkpoint-*/trainer_state.json"), key=lambda file: file.stat().st_mtime)
    return sum(entry.get("step_time", 0.0) for entry in json.loads(state.read_text())["log_history"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="output directories of finished runs, one a seed")
    parser.add_argument("--no-greedy", action="store_true", help="ask no model; read the records alone")
    parser.add_argument("--picture", type=Path, help="draw the mean of the runs over their steps")
    options = parser.parse_args()
    summaries = [summarise(run / "rewards.parquet") for run in options.runs]
    console = Console(width=150)
    console.print(sampled(summaries))
    if not options.no_greedy:
        console.print(greedy(options.runs, [reward.name for reward in summaries[0].rewards], [reward.weight for reward in summaries[0].rewards]))
    console.print(side_by_side(options.runs[0]))
    if options.picture:
        draw(averaged(summaries), options.picture)
    minutes = [seconds(run) / 60 for run in options.runs]
    console.print(f"Training took {', '.join(f'{each:.0f}' for each in minutes)} minutes (wall, steps alone)")


if __name__ == "__main__":
    main()
