"""math_verify beside TRL's accuracy_reward: speed per core, agreement row by row, and a batch with four answers that never end.

    python scripts/bench/mathematics.py [--completions 1000] [--rounds 2] [--kinds integer,root] [--without-endless]

Completions of 1.5 kB with one box, in groups of 8, of eight kinds of answers. Half are right, of these every other one written otherwise
than the reference; half are wrong. Both sides are called as the trainer calls them, in alternating rounds in one run, and are warm. CPU
time is that of this process and of the workers together, so that it can be compared per core.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
GROUP, SIZE = 8, 1500
LATEX = ("fraction", "root", "polynomial", "set", "interval", "tuple")
CHEAP = 4  # times as many rounds for numbers, which take us 15 ms a batch
KINDS = ["integer", "decimal", *LATEX]
AT_LEAST = {"LaTeX": 5.0, "integer": 100.0}
DEADLINE, WORKERS = 2.0, 2
AT_MOST = 1.2  # deadlines that the four answers may add
TRL_PATIENCE = 120.0  # seconds

console = Console(width=140)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--completions", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--kinds", type=lambda text: text.split(","), default=KINDS, help=f"of {', '.join(KINDS)}")
    options.add_argument("--without-endless", action="store_true", help="leave out the batch with answers that never end")
    chosen = options.parse_args()
    os.environ["RL_REWARDS_WORKERS"] = str(WORKERS)
    met = speed(chosen.kinds, chosen.completions, chosen.rounds)
    met &= chosen.without_endless or endless()
    sys.exit(not met)


# The mix. An answer is (how the reference is written, how it is written otherwise, a wrong one).


def answer(kind: str, rng: random.Random) -> tuple[str, str, str]:
    a, b, c = (rng.randint(2, 99) for _ in range(3))
    wrong = a + rng.randint(1, 5)
    low, high = sorted((a, 100 + b))
    return {
        "integer": (str(a * b), f"{a * b}.0", str(wrong * b)),
        "decimal": (f"{a}.{b:02d}", f"{a}.{b:02d}0", f"{wrong}.{b:02d}"),
        "fraction": (rf"\frac{{{a}}}{{{b}}}", rf"\frac{{{3 * a}}}{{{3 * b}}}", rf"\frac{{{wrong}}}{{{b}}}"),
        "root": (rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b}}}", rf"{wrong}\sqrt{{{b}}}"),
        "polynomial": (f"{a}x^2+{b}x-{c}", f"-{c}+{b}x+{a}x^2", f"{wrong}x^2+{b}x-{c}"),
        "set": (rf"\{{{a},{100 + b},{300 + c}\}}", rf"\{{{300 + c},{a},{100 + b}\}}", rf"\{{{wrong},{100 + b},{300 + c}\}}"),
        "interval": (f"({low},{high}]", rf"({low}, \frac{{{2 * high}}}{{2}}]", f"[{low},{high}]"),
        "tuple": (f"({a},{b},{c})", rf"({a}, \frac{{{2 * b}}}{{2}}, {c})", f"({wrong},{b},{c})"),
    }[kind]


def batch(kind: str, completions: int) -> tuple[list[Any], list[str], list[bool]]:
    """Completions as message lists, references, and whether each is right."""
    rng = random.Random(kind)
    words = "so we then add carry the digit and it follows that again by sum of all terms".split()
    texts, references, truth = [], [], []
    for number in range(completions):
        if number % GROUP == 0:
            state = rng.getstate()
        probe = random.Random()
        probe.setstate(state)
        reference, otherwise, _ = answer(kind, probe)
        draw = number % 4
        written = reference if draw == 0 else otherwise if draw == 1 else answer(kind, _wrong(state, rng))[2]
        thought = ""
        while len(thought) < SIZE:
            thought += rng.choice(words) + " "
        texts.append([{"role": "assistant", "content": f"<think>{thought}</think>\nThe answer is $\\boxed{{{written}}}$."}])
        references.append(f"${reference}$")
        truth.append(draw < 2)
    return texts, references, truth


def _wrong(state: Any, rng: random.Random) -> random.Random:
    """A generator that draws the group's numbers, then a wrong answer of its own."""

    class Drawn(random.Random):
        count = 0

        def randint(self, low: int, high: int) -> int:
            self.count += 1
            return super().randint(low, high) if self.count <= 3 else rng.randint(low, high)

    drawn = Drawn()
    drawn.setstate(state)
    return drawn


def speed(kinds: list[str], completions: int, rounds: int) -> bool:
    from trl.rewards import accuracy_reward

    from rl_rewards import Reward, Rubric
    from rl_rewards.runtime.workers.shared_pool import shared_pool

    (ours,) = Rubric((Reward("right", {"math_verify": {"reference": "solution", "timeout": 60.0}}),)).reward_funcs
    pool = shared_pool(1024)
    table = Table(
        title=f"{completions} completions of each kind in groups of {GROUP}: CPU milliseconds per completion, best of {rounds} rounds (numbers: {rounds * CHEAP})"
    )
    for column in ("answers", "TRL accuracy_reward", "math_verify", "ratio", "TRL right of", "ours right of", "differ"):
        table.add_column(column, justify="right" if column != "answers" else "left")
    totals: dict[str, list[float]] = {"LaTeX": [0.0, 0.0], "integer": [0.0, 0.0]}
    differing: list[tuple[str, ...]] = []
    for kind in kinds:
        texts, references, truth = batch(kind, completions)
        prompts = [[{"role": "user", "content": "What is the answer?"}]] * completions
        sides: dict[str, Callable[[], list[Any]]] = {
            "trl": lambda: accuracy_reward(texts, references),
            "ours": lambda: ours(prompts=prompts, completions=texts, solution=references),
        }
        for side in sides.values():
            side()
        best, scores = {"trl": float("inf"), "ours": float("inf")}, {}
        for _ in range(rounds if kind in LATEX else rounds * CHEAP):
            for name, side in sides.items():
                start = cpu_seconds(pool.processes())
                scores[name] = side()
                best[name] = min(best[name], cpu_seconds(pool.processes()) - start)
        for total in [totals["LaTeX"]] if kind in LATEX else [totals["integer"]] if kind == "integer" else []:
            total[0] += best["trl"]
            total[1] += best["ours"]
        agree = {name: sum((score == 1.0) is right for score, right in zip(found, truth)) for name, found in scores.items()}
        said = [text[0]["content"].rpartition("</think>")[2].strip() for text in texts]
        rows = [row for row in zip([kind] * completions, references, said, scores["trl"], scores["ours"], truth, strict=True) if row[3] != row[4]]
        differing += [tuple(map(str, row)) for row in rows]
        each = 1000 / completions
        table.add_row(
            kind, f"{best['trl'] * each:.3f}", f"{best['ours'] * each:.4f}", f"{best['trl'] / best['ours']:.0f}x",
            f"{agree['trl']}/{completions}", f"{agree['ours']}/{completions}", str(len(rows)),
        )  # fmt: skip
    console.print(table)
    if differing:
        rows_table = Table(title=f"Rows on which the two differ: {len(differing)}, the first 10")
        for column in ("kind", "reference", "response", "TRL", "ours", "right"):
            rows_table.add_column(column)
        for row in differing[:10]:
            rows_table.add_row(*row)
        console.print(rows_table)
    met = True
    for name, (trl, own) in totals.items():
        if not own:
            continue  # no such kind was asked for
        good = trl / own >= AT_LEAST[name]
        met &= good
        console.print(f"{name}: {trl / own:.1f}x per core, at least {AT_LEAST[name]:g}x wanted: {'met' if good else 'NOT MET'}")
    return met


def cpu_seconds(processes: list[int]) -> float:
    """CPU time of this process and of those."""
    ticks = 0
    for pid in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


# Four answers that never end, among 128.


def towers() -> list[str]:
    nested = "1"
    for _ in range(40):
        nested = rf"\frac{{1}}{{1+{nested}}}"
    return [r"9^{9^{9}}", r"\binom{10^5}{5\cdot 10^4}", nested, r"9^{9^{9}}"]


def endless() -> bool:
    from rl_rewards.runtime.workers.shared_pool import shared_pool
    from rl_rewards.scorers.math import MathVerify
    from rl_rewards.types import Sample

    kinds = [batch(kind, 16) for kind in KINDS]
    texts = [text[0]["content"] for texts, _, _ in kinds for text in texts]
    references = [reference for _, references, _ in kinds for reference in references]
    spoilt = list(texts)
    for place, tower in zip((11, 42, 77, 120), towers(), strict=True):
        spoilt[place] = rf"<think>hm</think> \boxed{{{tower}}}"
    four = "Two 9^9^9, a binomial of 30,000 digits and a 40-fold fraction"
    table = Table(title=f"{four} among 128, deadline {DEADLINE:g} s, {WORKERS} workers: wall seconds")
    for column in ("side", "clean", "with the four", "more", "allowed", "scored", "processes left"):
        table.add_column(column, justify="left" if column == "side" else "right")
    met = True
    for name, allow in (("math_verify", False), ("math_verify, allow_unevaluated", True)):
        scorer = MathVerify("answer", timeout=DEADLINE, allow_unevaluated=allow)

        def run(responses: list[str]) -> tuple[float, int]:
            samples = [Sample("?", text, text, {"answer": reference}) for text, reference in zip(responses, references)]
            start = time.perf_counter()
            results = scorer.score(samples, responses)
            return time.perf_counter() - start, sum(result.score is not None for result in results)

        run(texts)
        clean, _ = run(texts)
        with_four, scored = run(spoilt)
        pool = shared_pool(1024)
        left = len(pool.processes()) - 1 - WORKERS
        good = with_four <= clean + AT_MOST * DEADLINE and scored == len(texts) and left <= 0
        met &= good
        figures = (f"{clean:.2f}", f"{with_four:.2f}", f"{with_four - clean:+.2f}", f"{AT_MOST * DEADLINE:.1f}")
        table.add_row(name, *figures, f"{scored}/{len(texts)}", str(max(0, left)))
    clean, _ = trl_batch(texts, references)
    with_four, how = trl_batch(spoilt, references)
    table.add_row("TRL accuracy_reward", f"{clean:.2f}", f"{with_four:.2f}", f"{with_four - clean:+.2f}", "", how, "")
    console.print(table)
    console.print(f"math_verify: {'met' if met else 'NOT MET'}")
    return met


def trl_batch(texts: list[str], references: list[str]) -> tuple[float, str]:
    """TRL's reward on the batch in a process of its own, which is killed when patience is over: wall seconds and how it ended."""
    program = (
        "import sys, time, json\nfrom trl.rewards import accuracy_reward\n"
        "texts, references = json.load(sys.stdin)\nbatch = [[{'role': 'assistant', 'content': text}] for text in texts]\n"
        "accuracy_reward(batch[:8], references[:8])\nprint('start', flush=True)\nstart = time.perf_counter()\n"
        "try:\n    scores = accuracy_reward(batch, references)\n    how = f'{sum(s is not None for s in scores)}/{len(scores)}'\n"
        "except Exception as error:\n    how = f'crashed: {type(error).__name__}'\n"
        "print(time.perf_counter() - start, how)\n"
    )
    start = time.perf_counter()
    given = json.dumps([texts, references])
    try:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=TRL_PATIENCE, check=True)
    except subprocess.TimeoutExpired:
        return time.perf_counter() - start, f"hung, killed after {TRL_PATIENCE:g} s"
    seconds, _, how = done.stdout.splitlines()[-1].partition(" ")
    return float(seconds), how


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        main()
