"""When is a critic worth it? PPO beside GRPO and beside PPO without a critic, where each token earns its own share of the reward.

    python scripts/bench/token_credit.py                        # the whole table, 8 seeds: two hours on one free core, most of it 1,024 tokens
    python scripts/bench/token_credit.py --only credit --tokens 24
    python scripts/bench/token_credit.py --quick                # one seed, a few rollouts: does it run

What it measures, on one thread:
    constant   how far the policy's weights move (Euclidean) under a reward of 1 for everything, which says nothing; at 24, 256 and 2,000
               tokens, as version 0.1 computed advantages and as they are computed now
    credit     the mean reward of all of a run's completions, and of its last tenth, at equal completions, on the task of
               token_credit_runs.py, at two learning rates for 24 tokens; the most that the critic explains in the first tenth, and in all
    scale      the same with rewards times 100 and times 0.01

Intervals are 95 % of Student's t over seeds. Results are kept in a JSON file (--results), and a run that is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scripts.bench import token_credit_runs  # noqa: E402


class Size(NamedTuple):
    """How long completions are, how many rollouts of how many, and how fast policy and critic learn; long ones are dear."""

    tokens: int
    steps: int
    completions: int
    rate: float = 3e-3
    critic_rate: float = 3e-3

    def __str__(self) -> str:
        return f"{self.tokens:>5} tokens, {self.steps} rollouts of {self.completions}, rate {self.rate:g}"


SIZES = [Size(24, 30, 64), Size(24, 100, 64, rate=5e-4), Size(256, 30, 32), Size(1024, 15, 16)]
FOUR = {"num_iterations": 4}
# Name of a row: way of token_credit_runs.py, and its options.
CREDIT: dict[str, tuple[str, dict[str, Any]]] = {
    "GRPO": ("grpo", {}),
    "GRPO, four passes": ("grpo", FOUR),
    "PPO without critic": ("no critic", {}),
    "PPO without critic, four passes": ("no critic", FOUR),
    "PPO, four passes": ("ppo", FOUR),
}
CONSTANT = {"as in 0.1": "ppo, before", "now": "ppo", "now, shared critic": "ppo, shared", "now, without critic": "no critic"}
CONSTANT_SIZES = {24: (20, 32), 256: (5, 16), 2000: (2, 4)}
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def interval(values: list[float]) -> str:
    """Mean and half the width of its 95 % interval."""
    if len(values) < 2:
        return f"{mean(values):.3f}"
    return f"{mean(values):.3f} ± {T95.get(len(values) - 1, 2.0) * stdev(values) / len(values) ** 0.5:.3f}"


def plan(seeds: int, only: Collection[str], tokens: Collection[int]) -> Iterator[dict[str, Any]]:
    """The runs, seed by seed, so that a table that is cut short has all of its rows."""
    for seed in range(seeds):
        for length, (steps, completions) in (CONSTANT_SIZES if "constant" in only else {}).items():
            if length in tokens and seed < 2:  # the movement hardly depends on the seed
                for way in CONSTANT.values():
                    yield {"task": "constant", "way": way, "tokens": length, "steps": steps, "completions": completions, "seed": seed}
        for size in SIZES if "credit" in only else ():
            if size.tokens in tokens:
                for way, own in CREDIT.values():
                    yield {"way": way, **size._asdict(), "seed": seed, **own}
        if "scale" in only and SIZES[0].tokens in tokens:
            for scale in (100.0, 0.01):
                yield {"way": "ppo", **SIZES[0]._asdict(), "seed": seed, "scale": scale, **FOUR}


def measure(
    seeds: int, only: Collection[str] = ("constant", "credit", "scale"), tokens: Collection[int] = (24, 256, 1024, 2000), quick: bool = False,
    file: Path = ROOT / "runs/token_credit.json",
) -> list[str]:  # fmt: skip
    """Run what `file` does not hold yet; the table's lines."""
    if quick:
        seeds, tokens, file = 1, (24,), file.with_name("token_credit_quick.json")
        SIZES[:], CONSTANT_SIZES[24] = [Size(24, 2, 16)], (2, 16)
    file.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else {}
    for run in plan(seeds, only, tokens):
        key = json.dumps(run, sort_keys=True)
        if key not in results:
            results[key] = token_credit_runs.run(**run)
            file.write_text(json.dumps(results))
            print(f"{run}: {results[key]['final']:.3f}", file=sys.stderr, flush=True)
    return report(results)


def report(results: dict[str, dict[str, Any]]) -> list[str]:
    """The tables, of the runs that there are."""

    def of(**wanted: Any) -> list[dict[str, Any]]:
        return [
            result for key, result in results.items()
            if all(json.loads(key).get(name) == value for name, value in {"task": None, "scale": None, "num_iterations": None, **wanted}.items())
        ]  # fmt: skip

    lines = ["Constant reward: how far the policy's weights move"]
    for tokens, (steps, completions) in CONSTANT_SIZES.items():
        for name, way in CONSTANT.items():
            if runs := of(task="constant", way=way, tokens=tokens):
                moved = mean(run["moved"] for run in runs)
                lines.append(f"  {tokens:>5} tokens, {steps} rollouts of {completions:<3} {name:<22}{moved:10.4f}   seeds {len(runs)}")
    lines.append(
        "Credit by token: mean reward of a run's completions, of its last tenth, and the most that the critic explains (in the first tenth, in all)"
    )
    for size in SIZES:
        for name, (way, own) in CREDIT.items():
            if runs := of(way=way, **size._asdict(), **own):
                lines.append(f"  {size!s:<46}{name:<34}{_line(runs)}")
    for scale in (100.0, 0.01):
        if runs := of(way="ppo", scale=scale, **SIZES[0]._asdict(), **FOUR):
            lines.append(f"  {f'{SIZES[0].tokens:>5} tokens, rewards times {scale:g}':<46}{'PPO, four passes':<34}{_line(runs)}")
    return lines


def _line(runs: list[dict[str, Any]]) -> str:
    whole, last = interval([mean(run["means"]) for run in runs]), interval([run["final"] for run in runs])
    explained = [run["explained"] for run in runs if run["explained"]]
    first = [max(e[: max(len(e) // 10, 1)]) for e in explained]
    said = f"   explained {interval(first)}, {mean(map(max, explained)):.2f}" if explained else ""
    return f"{whole}   {last}   {mean(run['seconds'] for run in runs):6.1f} processor s   seeds {len(runs)}{said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed and two rollouts of 24 tokens")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=["constant", "credit", "scale"], default=["constant", "credit", "scale"])
    parser.add_argument("--tokens", type=int, nargs="+", default=[24, 256, 1024, 2000])
    parser.add_argument("--results", type=Path, default=ROOT / "runs/token_credit.json")
    options = parser.parse_args()
    print("\n".join(measure(options.seeds, options.only, options.tokens, options.quick, options.results)))


if __name__ == "__main__":
    main()
