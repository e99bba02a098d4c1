"""How long does it take until rl_rewards is there?

    python scripts/bench/startup.py [--runs 15]

Every figure is the median over separate processes, run in turn so that all see the same machine: wall time, processor time (which other
work on the machine does not lengthen), and wall time beyond the bare interpreter's. Fails when a goal for wall time is missed, or when
the import loads what only training needs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "trl", "transformers")
# What runs, and the goal in seconds of wall time, the interpreter included.
CASES = {
    "python -c pass": (["-c", "pass"], None),
    "import rl_rewards": (["-c", "import rl_rewards"], 0.15),
    "from rl_rewards import load_rubric": (["-c", "from rl_rewards import load_rubric"], None),
    "rl-rewards --help": (["-m", "rl_rewards.cli", "--help"], 0.5),
    "rl-rewards validate RUBRIC": (["-m", "rl_rewards.cli", "validate", str(ROOT / "recipes" / "rubrics" / "arithmetic.yaml")], None),
}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=15, help="processes for each figure (default: 15)")
    runs = arguments.parse_args().runs
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    wall: dict[str, list[float]] = {name: [] for name in CASES}
    processor: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(runs + 1):  # the first round warms the file cache and compiles, and is dropped
        for name, (command, _goal) in CASES.items():
            start, used = time.perf_counter(), processor_seconds()
            subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
            wall[name].append(time.perf_counter() - start)
            processor[name].append(processor_seconds() - used)
    medians = {name: statistics.median(times[1:]) for name, times in wall.items()}
    bare = medians["python -c pass"]

    missed = False
    print(f"{'':36} {'wall':>9} {'processor':>11} {'beyond python':>15} {'goal':>8}")
    for name, (_command, goal) in CASES.items():
        verdict = "" if goal is None else "ok" if medians[name] < goal else "MISSED"
        missed |= verdict == "MISSED"
        times = f"{medians[name]:7.3f} s {statistics.median(processor[name][1:]):9.3f} s {medians[name] - bare:13.3f} s"
        print(f"{name:36} {times} {f'{goal} s' if goal else '':>8} {verdict}".rstrip())

    code = f"import sys, rl_rewards; print(*({set(HEAVY)!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout.split()
    print(f"import rl_rewards loads {', '.join(loaded) or 'none'} of {', '.join(HEAVY)}")
    return int(missed or bool(loaded))


def processor_seconds() -> float:
    """Processor time, user and system, of the processes that this one has run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
