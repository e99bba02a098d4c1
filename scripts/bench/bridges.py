"""What a bridge costs: microseconds per completion in batches of 64 and 512, and per call of one.

    python scripts/bench/bridges.py [--repeats 15]

The rubric has one reward, a rule; its own evaluation of the same batch is timed in the same process, in turns with the bridges, so that what a bridge adds is
seen. Times are processor time of the process, all threads, and medians over the repeats: other work on the machine is not in them, but for caches. The exit status is 0 only if every bridge keeps the limits: 10 microseconds per completion in batches, 150 a call
of one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

BATCHES = (64, 512)
BATCH_LIMIT, CALL_LIMIT = 10.0, 150.0  # microseconds: per completion, per call
RUBRIC = {"rewards": [{"name": "correct", "score": {"string_match": {"contains": "42"}}}]}
COLUMNS = {"answer": "42"}


def texts(size: int) -> list[str]:
    return [f"It is {i % 50}, I think. {i}" for i in range(size)]


def conversation(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "What is 40 + 2?"}, {"role": "assistant", "content": text}]


# Each side: (rubric file, batch size) -> a function of the number of the repeat, which scores a batch.


def evaluation(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards import Sample, load_rubric

    rubric, said = load_rubric(path), texts(size)
    return lambda turn: rubric.evaluate([Sample("What is 40 + 2?", text, text, COLUMNS) for text in said])


def trl(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards import load_rubric

    (function,), said, prompts, answers = load_rubric(path).reward_funcs, texts(size), ["What is 40 + 2?"] * size, ["42"] * size
    return lambda turn: function(prompts, said, answer=answers)


def ms_swift(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.ms_swift import reward_classes

    (made,), said = reward_classes(path).values(), texts(size)
    function, messages = made(args=None), [conversation(text) for text in said]
    groups = [str(i // 8) for i in range(size)]
    return lambda turn: function(said, messages=messages, prompt_id=groups, request_id=[turn] * size, answer=["42"] * size)


def tinker(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.plain import group_scorer

    scorer, said = group_scorer(path), [conversation(text)[1:] for text in texts(size)]
    return lambda turn: scorer(conversation("")[:1], said, COLUMNS)


def openrlhf(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.openrlhf import reward_function

    function, prompts = reward_function(path), ["What is 40 + 2?"] * size
    queries = [prompt + text for prompt, text in zip(prompts, texts(size), strict=True)]
    return lambda turn: function(queries, prompts, ["42"] * size)


def verl(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.verl import compute_score

    (text,) = texts(size)
    return lambda turn: compute_score("sums", text, "42", {"index": turn}, rubric=path)


def plain(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.plain import row_scorer

    score, (text,) = row_scorer(path), texts(size)
    return lambda turn: score("What is 40 + 2?", text, COLUMNS)


def skyrl_gym(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.scoring import RubricScoring
    from rl_rewards.bridges.skyrl_gym import CALLER, Episode

    scoring, (text,) = RubricScoring(path, CALLER), texts(size)
    return lambda turn: Episode(scoring, {"reward_spec": {"ground_truth": "42"}}, None).score(text).present()


def verifiers(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.verifiers import reward_functions

    class Dumped(SimpleNamespace):
        def model_dump(self, **options: Any) -> dict[str, Any]:
            return vars(self)

    (function,), loop = reward_functions(path).values(), asyncio.new_event_loop()
    nodes = [SimpleNamespace(message=Dumped(**turn), sampled=turn["role"] == "assistant") for turn in conversation(texts(1)[0])]
    trace = SimpleNamespace(branches=[SimpleNamespace(nodes=nodes)], record_metrics=dict().update)
    task = Dumped(prompt="What is 40 + 2?", answer="42")
    return lambda turn: loop.run_until_complete(function(task=task, trace=trace))


def nemo_gym(path: str, size: int) -> Callable[[int], Any]:
    from rl_rewards.bridges.nemo_gym import Verification

    verification, loop = Verification(path), asyncio.new_event_loop()
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": texts(1)[0]}]}]
    body = {"responses_create_params": {"input": "What is 40 + 2?"}, "response": {"output": output}, **COLUMNS}
    return lambda turn: loop.run_until_complete(verification.reply(dict(body)))


BATCHED = {"evaluation": evaluation, "trl": trl, "ms_swift": ms_swift, "tinker": tinker, "openrlhf": openrlhf}
ALL = {**BATCHED, "verl": verl, "plain": plain, "skyrl_gym": skyrl_gym, "verifiers": verifiers, "nemo_gym": nemo_gym}


def measure(sides: dict[str, Callable[[str, int], Any]], path: str, size: int, repeats: int) -> dict[str, float]:
    """Median microseconds per completion of each side, taken in turns."""
    calls = {name: side(path, size) for name, side in sides.items()}
    rounds = max(1, 2048 // size)
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            gc.collect()
            began = time.process_time()
            for i in range(rounds):
                call(turn * rounds + i)
            spent = time.process_time() - began
            if turn:  # the first one warms up
                found[name].append(1e6 * spent / (rounds * size))
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place, "rubric.yaml"))
        Path(path).write_text(json.dumps(RUBRIC))
        columns = {size: measure(BATCHED if size > 1 else ALL, path, size, arguments.repeats) for size in (*BATCHES, 1)}
    print("microseconds per completion; in brackets, beyond the rubric's own evaluation")
    print(f"{'':12}" + "".join(f"{f'batch {size}' if size > 1 else 'one a call':>20}" for size in columns))
    good = True
    for name in ALL:
        line = f"{name:12}"
        for size, times in columns.items():
            if name not in times:
                line += f"{'-':>20}"
                continue
            limit = BATCH_LIMIT if size > 1 else CALL_LIMIT
            missed = times[name] > limit
            good &= not missed
            shown = f"{times[name]:.1f} ({times[name] - times['evaluation']:+.1f})"
            line += f"{shown:>19}" + ("!" if missed else " ")
        print(line)
    print(f"limits: {BATCH_LIMIT:g} per completion in batches, {CALL_LIMIT:g} a call of one (! marks what misses it)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
