"""What three rule rewards cost beyond the bare Python of the same rules: ours, Reward Kit 0.4.1's TRL adapter, verifiers 0.1.9's Rubric.

    python scripts/bench/overhead.py [--cache DIR] [--rounds 3] [--only ours]

2,048 completions of 1.5 kB, conversational, in groups of 8. Every library runs the same three Python functions, written as its users write
them, in an environment of its own, made under --cache where it is missing; the rounds of all sides alternate in one run. Overhead is the
best time of a side less the best time of the bare rules in the same process, per completion and reward.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[2]
COMPLETIONS, SIZE, GROUP = 2048, 1500, 8
REPEATS = 9
LIMIT = 4.0  # microseconds per completion and reward
# What each peer is made of, and how many times less ours must be. verifiers scores one rollout at a time, which is what the goal was set
# by, or a group at once, which is faster and has no goal.
PEERS = {
    "reward_kit": (["reward-kit==0.4.1", "mcp<2"], 5.0),
    "verifiers_rollout": (["verifiers==0.1.9"], 15.0),
    "verifiers_group": (["verifiers==0.1.9"], None),
}


# The rules. They return a score and a reason, as a reward that one can debug does.


def correct(text: str, answer: str) -> tuple[float, str]:
    start = text.rfind("<answer>")
    found = text[start + 8 : text.find("</answer>", start)].strip() if start >= 0 else None
    return (1.0, "right") if found == answer else (0.0, "wrong")


def tagged(text: str, answer: str) -> tuple[float, str]:
    think = text.find("</think>")
    good = text.startswith("<think>") and 0 < think < text.find("<answer>")
    return (1.0, "tags in order") if good else (0.0, "tags missing or out of order")


def brief(text: str, answer: str) -> tuple[float, str]:
    return max(0.0, 1.0 - len(text) / 4000), "shorter is better"


RULES = (correct, tagged, brief)


def batch() -> tuple[list, list, list]:
    """Prompts, completions (messages) and answers."""
    rng = random.Random(0)
    words = ["sum", "carry", "the", "digit", "so", "then", "we", "add", "it", "again"]
    prompts, completions, answers = [], [], []
    for i in range(COMPLETIONS):
        answer = str(rng.randrange(100))
        thought = ""
        while len(thought) < SIZE - 60:
            thought += rng.choice(words) + " "
        said = answer if rng.random() < 0.5 else "no idea"
        prompts.append([{"role": "user", "content": f"What is the answer to question {i // GROUP}?"}])
        completions.append([{"role": "assistant", "content": f"<think>{thought}</think>\n<answer>{said}</answer>"}])
        answers.append(answer)
    return prompts, completions, answers


# The sides. Each returns what scores the batch once, and what it must come to.


def bare(prompts: list, completions: list, answers: list) -> Callable[[], list]:
    texts = [completion[0]["content"] for completion in completions]
    return lambda: [[rule(text, answer)[0] for text, answer in zip(texts, answers)] for rule in RULES]


def ours(prompts: list, completions: list, answers: list) -> Callable[[], list]:
    """As GRPOTrainer 1.16 calls them: columns, token ids, its state, and its two logging callbacks."""
    from rl_rewards import EvaluateResult, Reward, Rubric, reward_function

    def rewarded(rule: Callable) -> Reward:
        def scored(response: str, answer: str) -> EvaluateResult:
            return EvaluateResult(*rule(response, answer))

        scored.__name__ = rule.__name__
        return Reward(rule.__name__, reward_function(scored))

    functions = Rubric(tuple(map(rewarded, RULES))).reward_funcs

    class Trainer:
        num_generations = GROUP
        accelerator = SimpleNamespace(process_index=0, num_processes=1)
        model = SimpleNamespace(training=True)
        args = SimpleNamespace(reward_weights=None)
        reward_funcs = functions

        def log_extra(self, column: str, values: list) -> None:
            self.extras[column].extend(values)

        def log_metric(self, name: str, value: float) -> None:
            self.metrics[name].append(value)

    trainer, ids = Trainer(), [[1, 2, 3]] * COMPLETIONS

    def call() -> list:
        trainer.extras, trainer.metrics = defaultdict(list), defaultdict(list)
        given = {"prompts": prompts, "completions": completions, "completion_ids": ids, "answer": answers}
        state = SimpleNamespace(global_step=0)
        return [f(**given, trainer_state=state, log_extra=trainer.log_extra, log_metric=trainer.log_metric) for f in functions]

    return call


def reward_kit(prompts: list, completions: list, answers: list) -> Callable[[], list]:
    from reward_kit import EvaluateResult, reward_function
    from reward_kit.integrations.trl import create_trl_adapter

    def adapted(rule: Callable) -> Callable:
        @reward_function
        def scored(messages, answer=None, **kwargs):
            score, reason = rule(messages[-1].content, answer)
            return EvaluateResult(score=score, reason=reason)

        return create_trl_adapter(scored, {"answer": "answer"})

    functions = [adapted(rule) for rule in RULES]
    return lambda: [f(prompts=prompts, completions=completions, answer=answers) for f in functions]


def verifiers(prompts: list, completions: list, answers: list, by_group: bool) -> Callable[[], list]:
    from verifiers import Rubric
    from verifiers.utils.async_utils import maybe_semaphore

    def wrapped(rule: Callable) -> Callable:
        def scored(completion, answer):
            return rule(completion[-1]["content"], answer)[0]

        scored.__name__ = rule.__name__
        return scored

    rubric = Rubric(funcs=[wrapped(rule) for rule in RULES])

    async def score() -> list:
        slots = await maybe_semaphore(-1)
        states = [
            {"prompt": p, "completion": c, "answer": a, "task": "t", "info": {}, "trajectory": [], "timing": {"scoring_ms": 0.0, "total_ms": 0.0}}
            for p, c, a in zip(prompts, completions, answers)
        ]
        for i in range(0, len(states), GROUP):
            group = states[i : i + GROUP]
            if by_group:
                await rubric.score_group(group, slots)
            else:
                await asyncio.gather(*(rubric.score_rollout(state, slots) for state in group))
        return [[state["metrics"][rule.__name__] for state in states] for rule in RULES]

    return lambda: asyncio.run(score())


SIDES = {
    "ours": ours,
    "reward_kit": reward_kit,
    "verifiers_rollout": partial(verifiers, by_group=False),
    "verifiers_group": partial(verifiers, by_group=True),
}


def measure(side: str) -> dict[str, float]:
    """Best seconds of the bare rules and of a side for the whole batch, taken in turns."""
    data = batch()
    calls = {"bare": bare(*data), side: SIDES[side](*data)}
    expected = calls["bare"]()
    if calls[side]() != expected:
        raise SystemExit(f"{side} scores differently from the bare rules, so its time means nothing")
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(REPEATS):
        for name, call in calls.items():
            gc.collect()
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return {"bare": best["bare"], "side": best[side]}


def environment(side: str, cache: Path) -> Path:
    """The Python of a side; a peer's environment is made where it is missing."""
    if side == "ours":
        return Path(sys.executable)
    home = cache / side.partition("_group")[0].partition("_rollout")[0]
    python, made = home / "bin" / "python", home / "installed"
    wanted = " ".join(PEERS[side][0])
    if not made.exists() or made.read_text() != wanted:
        print(f"making an environment with {wanted} in {home} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[side][0]], check=True)
        made.write_text(wanted)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="where the peers' environments are made")
    parser.add_argument("--rounds", type=int, default=3, help="how often every side is measured, in turns")
    parser.add_argument("--only", choices=SIDES, help="measure one side")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        with contextlib.redirect_stdout(sys.stderr):  # peers greet on import
            timed = measure(arguments.side)
        print(json.dumps(timed))
        return 0
    sides = [arguments.only] if arguments.only else list(SIDES)
    pythons = {side: environment(side, arguments.cache) for side in sides}
    overhead, bare_time = dict.fromkeys(sides, float("inf")), float("inf")
    for _ in range(arguments.rounds):
        for side in sides:
            command = [str(pythons[side]), __file__, "--side", side]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environ(side))
            timed = json.loads(done.stdout.splitlines()[-1])
            per_call = 1e6 / (COMPLETIONS * len(RULES))
            overhead[side] = min(overhead[side], (timed["side"] - timed["bare"]) * per_call)
            bare_time = min(bare_time, timed["bare"] * per_call)
    return report(overhead, bare_time)


def _environ(side: str) -> dict[str, str]:
    import os

    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**environ, "PYTHONPATH": str(ROOT)} if side == "ours" else environ


def report(overhead: dict[str, float], bare_time: float) -> int:
    """Print the table; the exit status is 0 only if every limit is kept."""
    print(f"{COMPLETIONS} completions of {SIZE} characters, {len(RULES)} rules; microseconds per completion and reward")
    print(f"  bare Python of the rules  {bare_time:8.2f}")
    good = True
    for side, cost in overhead.items():
        line = f"  overhead of {side:<18}{cost:8.2f}"
        if side == "ours":
            good &= cost <= LIMIT
            line += f"   limit {LIMIT:g}: {'kept' if cost <= LIMIT else 'MISSED'}"
        elif "ours" in overhead:
            ratio, least = cost / overhead["ours"], PEERS[side][1]
            line += f"   {ratio:.1f} times ours"
            if least is not None:
                good &= ratio >= least
                line += f", at least {least:g} wanted: {'kept' if ratio >= least else 'MISSED'}"
        print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
