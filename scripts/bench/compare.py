"""Does `rl-rewards compare` find a difference that is there, and cry out where there is none? Prints a line for each question.

    python scripts/bench/compare.py                       # about 4 minutes on two cores; --rows 0 leaves the large files out

Pairs of scored files are 2,000 prompts of uniformly distributed ease, with 8 completions to each on both sides; B is right more often by 2 points on
every prompt (planted), or not at all (null). Then two files of them, and two files of a million rows, are compared; of the large ones the peak memory
of the command line is read. The exit status is 0 only if the difference is found in at least 90 of 100 pairs, 3 to 18 of 200 null pairs have an
interval without 0, and comparing ten times as many rows takes less than 200 MiB more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from rl_rewards.comparing import compare
from rl_rewards.comparing.bootstrap import bootstrap_interval


def write(path: Path, scores: np.ndarray) -> None:
    """A scored file of shape (prompts, completions), one completion of every prompt after the other."""
    with open(path, "w") as file:
        for column in scores.T:
            for prompt, score in enumerate(column.tolist()):
                row = {"prompt": f"Problem {prompt}?", "completion": "text", "score": score, "scores": {"correct": score}}
                file.write(json.dumps({**row, "outcomes": {"correct": "scored"}, "reasons": {"correct": None}, "components": {"correct": []}}) + "\n")


def pair(generator: np.random.Generator, shift: float, prompts: int, completions: int) -> list[np.ndarray]:
    """Scores of both sides, shape (prompts, completions); B's chance on every prompt is A's plus the shift."""
    ease = generator.random(prompts) * (1 - shift)
    return [(generator.random((prompts, completions)) < chances[:, None]).astype(float) for chances in (ease, ease + shift)]


def clear(generator: np.random.Generator, shift: float, tries: int, prompts: int, completions: int) -> list[float]:
    """The differences that were found clear of 0, among so many pairs, as `compare` computes them from its files."""
    found = []
    for seed in range(tries):
        a, b = pair(generator, shift, prompts, completions)
        gaps = b.mean(axis=1) - a.mean(axis=1)
        low, high = bootstrap_interval(gaps, seed=seed)
        if low is not None and high is not None and not low <= 0 <= high:
            found.append(float(gaps.mean()))
    return found


def as_files(folder: Path, prompts: int, completions: int) -> bool:
    """Whether `compare` of two files says what the numbers themselves say."""
    sides = pair(np.random.default_rng(2), 0.02, prompts, completions)
    files = folder / "a.jsonl", folder / "b.jsonl"
    for file, scores in zip(files, sides):
        write(file, scores)
    gaps = sides[1].mean(axis=1) - sides[0].mean(axis=1)
    found = compare(*files)["correct"]
    print(
        f"of files: {found.difference:+.4f}, {found.low:+.4f} to {found.high:+.4f}, better on {found.better:.1%}, worse on {found.worse:.1%}",
        flush=True,
    )
    return abs(found.difference - gaps.mean()) < 1e-12


def large(folder: Path, rows: int) -> tuple[float, float]:
    """Peak MiB and seconds of processor time of the command line on two files of so many rows."""
    a, b = folder / "a.jsonl", folder / "b.jsonl"
    for file, scores in zip((a, b), pair(np.random.default_rng(1), 0.02, rows // 8, 8)):
        write(file, scores)
    code = """
import resource, sys
from rl_rewards.cli import app
try:
    app(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss / 1024, used.ru_utime)
"""
    done = subprocess.run([sys.executable, "-c", code, "compare", str(a), str(b)], capture_output=True, text=True, check=True)
    peak, seconds = map(float, done.stdout.split()[-2:])
    return peak, seconds


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--prompts", type=int, default=2000)
    options.add_argument("--completions", type=int, default=8)
    options.add_argument("--rows", type=int, default=1_000_000)
    chosen = options.parse_args()
    generator, right = np.random.default_rng(0), True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = clear(generator, 0.02, 100, chosen.prompts, chosen.completions)
        found = sum(difference > 0 for difference in planted)
        print(f"planted difference of 2 points at {chosen.prompts:,} prompts x {chosen.completions}: found in {found} of 100 pairs", flush=True)
        null = len(clear(generator, 0.0, 200, chosen.prompts, chosen.completions))
        print(f"no difference: {null} of 200 pairs have an interval without 0", flush=True)
        right = found >= 90 and 3 <= null <= 18 and as_files(folder, chosen.prompts, chosen.completions)
        peaks = []
        for rows in (chosen.rows // 10, chosen.rows) if chosen.rows else ():
            peak, seconds = large(folder, rows)
            peaks.append(peak)
            print(f"two files of {rows:,} rows, {rows // 8:,} prompts: {peak:.0f} MiB at most, {seconds:.0f} s of processor time", flush=True)
        return 0 if right and (not peaks or peaks[1] - peaks[0] < 200) else 1


if __name__ == "__main__":
    sys.exit(main())
