"""How many programs a second the code scorer tests, against Reward Kit's, and what a call costs in each engine, in one run.

    python scripts/bench/code.py --peers ~/.cache/rl_rewards-bench      # about three minutes; makes the peer's environment where missing
    python scripts/bench/code.py                                        # without the peer

500 short programs, a fifth of them wrong, with 3 tests each: stdin and stdout for us. Reward Kit has neither stdin nor several tests, so
it gets the same program with the input written in, once a test. The contestants take turns, a slice of the programs each, so that all
see the same machine. Prints Markdown. Fails when `process` or `monty` is less than 30 times as fast as Reward Kit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rl_rewards.runtime.sandbox import Call, Limits, Script, engine
from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Sample

GOAL = 30
PEER_NAME = "Reward Kit 0.4.1"
PEER = ["reward-kit==0.4.1", "mcp<2"]
PEER_SCRIPT = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
out, sys.stdout = sys.stdout, sys.stderr
from reward_kit.rewards.code_execution import local_code_execution_reward
def processor():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
for line in sys.stdin:
    start, used, scores = time.perf_counter(), processor(), []
    for program, wanted in json.loads(line):
        messages = [dict(role="user", content="?"), dict(role="assistant", content="```python\\n" + program + "\\n```")]
        scores.append(local_code_execution_reward(messages=messages, ground_truth=wanted, language="python").score)
    print(json.dumps([time.perf_counter() - start, processor() - used, scores]), file=out, flush=True)
"""
Ran = tuple[float, float, list[float]]  # seconds of wall time, of processor time, scores
Score = Callable[[list], Ran]
# What short programs of a policy look like: a function, some control flow, one line of output.
BODIES = [
    ("return sum(i * i for i in range(n + {k}))", lambda n, k: sum(i * i for i in range(n + k))),
    (
        "return ' '.join(str(d) for d in range(1, n + 1) if n % d == 0 or d == {k})",
        lambda n, k: " ".join(str(d) for d in range(1, n + 1) if n % d == 0 or d == k),
    ),
    ("a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a + {k}", lambda n, k: _fibonacci(n) + k),
    (
        "seen = {{}}\n    for c in str(n ** 5 + {k}):\n        seen[c] = seen.get(c, 0) + 1\n    return max(seen.values())",
        lambda n, k: _most(str(n**5 + k)),
    ),
    ("s = bin(n * {k} + 1)[2:]\n    return s == s[::-1]", lambda n, k: (s := bin(n * k + 1)[2:]) == s[::-1]),
]
INPUTS = (7, 12, 30)


def _fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def _most(text: str) -> int:
    return max(text.count(letter) for letter in text)


def programs(number: int) -> list[tuple[str, list[str], bool]]:
    """(function body as a program without its last line, expected outputs, whether it is right)."""
    made = []
    for index in range(number):
        body, truth = BODIES[index % len(BODIES)]
        k, right = index // len(BODIES) + 1, index % 7 % 5 != 4
        text = "def solve(n):\n    " + body.format(k=k) + "\n"
        made.append((text, [str(truth(n, k)) if right else "no such output" for n in INPUTS], right))
    return made


def ours(engines: tuple[str, ...]) -> Score:
    scorer = PythonTests("tests", engines=engines, scoring="all", per_test=False, timeout=20)

    def score(slice_: list) -> Ran:
        responses = [f"```python\n{text}print(solve(int(input())))\n```" for text, _, _ in slice_]
        tests = [[{"input": str(n), "output": wanted} for n, wanted in zip(INPUTS, outputs, strict=True)] for _, outputs, _ in slice_]
        samples = [Sample("?", response, response, {"tests": rows}) for response, rows in zip(responses, tests, strict=True)]
        start, used = time.perf_counter(), processor_seconds()
        results = scorer.score(samples, responses)
        return time.perf_counter() - start, processor_seconds() - used, [result.score for result in results]

    return score


def reward_kit(folder: Path) -> Score:
    python = folder / "reward-kit" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "reward-kit")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER], check=True)
    peer = subprocess.Popen(
        [str(python), "-c", PEER_SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )

    def score(slice_: list) -> Ran:
        calls = [(f"{text}print(solve({n}))", wanted) for text, outputs, _ in slice_ for n, wanted in zip(INPUTS, outputs, strict=True)]
        peer.stdin.write(json.dumps(calls) + "\n")
        peer.stdin.flush()
        seconds, used, scores = json.loads(peer.stdout.readline())
        grouped = [scores[place : place + len(INPUTS)] for place in range(0, len(scores), len(INPUTS))]
        return seconds, used, [float(all(score == 1.0 for score in group)) for group in grouped]

    return score


def processor_seconds() -> float:
    """Processor time of this process and all below it, so far."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)], used[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    total, level = 0, {os.getpid()}
    while level:
        total += sum(used.get(pid, 0) for pid in level)
        level = {pid for pid, parent in parents.items() if parent in level}
    return total / os.sysconf("SC_CLK_TCK")


def race(number: int, rounds: int, peer_share: int, contestants: dict[str, Score]) -> dict[str, tuple[float, float, float]]:
    """Programs a second, processor milliseconds a program, and the share of right verdicts, by contestant.

    The peer gets every `peer_share`th program of a slice.
    """
    everything = programs(number)
    seconds, used, done, right = (dict.fromkeys(contestants, 0.0) for _ in range(4))
    for score in contestants.values():
        score(everything[:2])  # starts what has to be started
    for turn in range(rounds):
        for name, score in contestants.items():
            slice_ = everything[turn::rounds][:: peer_share if name == PEER_NAME else 1]
            took, worked, scores = score(slice_)
            seconds[name] += took
            used[name] += worked
            done[name] += len(slice_)
            right[name] += sum(given == float(truth) for given, (_, _, truth) in zip(scores, slice_, strict=True))
    return {name: (done[name] / seconds[name], used[name] / done[name] * 1000, right[name] / done[name]) for name in contestants}


def per_call(calls: int) -> dict[str, float]:
    """Median milliseconds of one call of a six-line function, one after the other."""
    program = "def solve(n):\n    total = 0\n    for i in range(n):\n        if i % 3 == 0:\n            total += i\n    return total\n"
    limits = Limits(seconds=20)
    ways: dict[str, Callable[[], object]] = {
        "python -I": lambda: subprocess.run([sys.executable, "-I", "-c", program + "print(solve(100))"], check=True, capture_output=True),
        "process, a script": lambda: engine("process").run(program + "print(solve(int(input())))", [Script("100")], limits),
        "process, a call": lambda: engine("process").run(program, [Call("solve", [100])], limits),
        "monty, a script": lambda: engine("monty").run(program + "print(solve(int(input())))", [Script("100")], limits),
        "monty, a call": lambda: engine("monty").run(program, [Call("solve", [100])], limits),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(calls + 1):  # the first round starts what has to be started, and is dropped
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peers", type=Path, help="folder for the peer's environment, made where missing; without it the peer is left out")
    arguments.add_argument("--programs", type=int, default=500, help="programs in all (default: 500)")
    arguments.add_argument("--rounds", type=int, default=5, help="turns that each contestant takes (default: 5)")
    arguments.add_argument("--peer-share", type=int, default=5, help="the peer gets every n-th program: it is slow (default: 5)")
    arguments.add_argument("--calls", type=int, default=100, help="calls for each figure of the second table (default: 100)")
    given = arguments.parse_args()

    contestants = {
        name: ours(engines) for name, engines in (("process", ("process",)), ("monty", ("monty",)), ("monty, then process", ("monty", "process")))
    }
    if given.peers:
        contestants = {PEER_NAME: reward_kit(given.peers), **contestants}
    rates = race(given.programs, given.rounds, given.peer_share, contestants)
    peer, peer_used, _ = rates.get(PEER_NAME, (None, None, None))
    print(f"{given.programs} programs, 3 tests each, {os.cpu_count()} processors\n")
    print("| | right verdicts | programs/s | of Reward Kit's | processor ms/program | of Reward Kit's |\n|---|---:|---:|---:|---:|---:|")
    for name, (rate, used, right) in rates.items():
        ratios = (f"{rate / peer:,.0f} x", f"1/{peer_used / used:,.0f}") if peer else ("", "")
        print(f"| {name} | {right:.0%} | {rate:,.1f} | {ratios[0]} | {used:,.1f} | {ratios[1]} |")

    costs = per_call(given.calls)
    print("\n| one call | ms | of `python -I` |\n|---|---:|---:|")
    for name, cost in costs.items():
        print(f"| {name} | {cost:.2f} | {cost / costs['python -I']:.0%} |")
    missed = [name for name in ("process", "monty") if peer and rates[name][0] < GOAL * peer]
    if missed:
        print(f"\nMISSED: {', '.join(missed)} below {GOAL} times Reward Kit")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
