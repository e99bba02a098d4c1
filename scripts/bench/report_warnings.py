"""How many planted pathologies the warnings find, and how often they warn about healthy runs.

    .venv/bin/python scripts/bench/report_warnings.py                # held-out seeds, four sizes of run
    .venv/bin/python scripts/bench/report_warnings.py --seeds 3 --sizes 150,8,8

The thresholds were chosen on seeds below 2000; those from 2000 on were looked at in the end only. Shares have 95 % intervals (Wilson). A
pathology is found where a warning or note of its kind is there; `late` is the step where it says that it begins, less the true one. A
false warning is any warning about a healthy run; notes, such as that a task is solved, are counted apart.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from simulated_runs import HEALTHY, PLANTED, Shape, series_of

from rl_rewards.recording.warnings import RunWarning, find_warnings
from rl_rewards.recording.warnings.change import wilson

SIZES = ("150,8,8", "60,4,4", "300,16,4", "40,32,8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="seeds of each kind of run")
    parser.add_argument("--first-seed", type=int, default=2000)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="steps,groups a step,completions a group")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    all_found = all_planted = all_false = all_healthy = 0
    for size in given.sizes:
        shape = Shape(*map(int, size.split(",")))
        print(f"\n{shape.steps} steps of {shape.groups} groups of {shape.generations}, seeds {seeds.start} to {seeds.stop - 1}")
        began = time.perf_counter()
        found, planted = planted_runs(shape, seeds)
        false, healthy = healthy_runs(shape, seeds)
        print(f"{share(found, planted)} of the planted pathologies found, {share(false, healthy)} of the healthy runs with a false warning, ", end="")
        print(f"{time.perf_counter() - began:.0f} s")
        all_found, all_planted, all_false, all_healthy = all_found + found, all_planted + planted, all_false + false, all_healthy + healthy
    print(f"\nAll sizes: {share(all_found, all_planted)} found, {share(all_false, all_healthy)} of the healthy runs with a false warning")


def planted_runs(shape: Shape, seeds: range) -> tuple[int, int]:
    print(f"\n{'planted':32} {'kind':18} {'found':>28}  late (median)  also")
    found = 0
    for name, (kind, make) in PLANTED.items():
        late, others, hits = [], {}, 0
        for seed in seeds:
            run, onset = make(shape, np.random.default_rng(seed))
            said = warned(run, seed)
            mine = [each for each in said if each.kind == kind]
            hits += bool(mine)
            late += [each.step - onset for each in mine[:1] if each.step is not None]
            for other in {each.kind for each in said} - {kind}:
                others[other] = others.get(other, 0) + 1
        found += hits
        middle = f"{np.median(late):+.0f}" if late else "-"
        print(f"{name:32} {kind:18} {share(hits, len(seeds)):>28}  {middle:>13}  {', '.join(f'{kind} {n}' for kind, n in others.items())}")
    return found, len(PLANTED) * len(seeds)


def healthy_runs(shape: Shape, seeds: range) -> tuple[int, int]:
    print(f"\n{'healthy':36} {'runs with a false warning':>28}  notes  which")
    false = 0
    for name, make in HEALTHY.items():
        wrong, notes, which = 0, 0, {}
        for seed in seeds:
            said = warned(make(shape, np.random.default_rng(seed)), seed)
            bad = [each for each in said if each.severity == "warning"]
            wrong, notes = wrong + bool(bad), notes + len(said) - len(bad)
            for each in bad:
                which[each.title] = which.get(each.title, 0) + 1
        false += wrong
        print(f"{name:36} {share(wrong, len(seeds)):>28}  {notes:>5}  {', '.join(f'{kind} {n}' for kind, n in which.items())}")
    return false, len(HEALTHY) * len(seeds)


def warned(run, seed: int) -> list[RunWarning]:
    return find_warnings(series_of(run, np.random.default_rng([seed, 1])))


def share(hits: int, of: int) -> str:
    low, high = wilson(hits / of, of, 1.96)
    return f"{hits}/{of} ({max(float(low), 0):.0%} to {min(float(high), 1):.0%})"


if __name__ == "__main__":
    main()
