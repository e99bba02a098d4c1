"""What the tests of this room share: data, rubrics, a command that runs on, and work for processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
COMMAND = [sys.executable, "-m", "rl_rewards", "score"]
RUBRIC = """
rewards:
- {name: correct, parse: {tag: answer}, score: {number_match: answer}}
- {name: brief, weight: 0.5, score: {soft_overlong: {max_tokens: 30, buffer_tokens: 10, unit: characters}}}
- {name: share, weight: 0.1, score: {"mine.py:GroupShare": {}}}
aggregates:
- {pass_at_k: {reward: correct, k: [1, 2]}}
"""
MINE = """
import os, signal, time
from collections import Counter
from dataclasses import replace
from rl_rewards import EvaluateResult, reward_function
from rl_rewards.scorers.base import Scorer, Traits, configured


@configured
class GroupShare(Scorer):
    '''1 / the size of a row's group: wrong wherever a group was split.'''

    @property
    def traits(self):
        return Traits(needs_groups=True)

    def score(self, samples, answers):
        sizes = Counter(sample.group for sample in samples)
        return [EvaluateResult(1 / sizes[sample.group]) for sample in samples]


loaded = []


@configured
class Length(Scorer):
    '''A model: a file says in which processes it was loaded.'''

    factor: float = 1.0

    @property
    def traits(self):
        return Traits(per_sample=True, holds_model=True)

    def score(self, samples, answers):
        if not loaded:
            loaded.append(True)
            with open("loads", "a") as file:
                file.write(f"{os.getpid()}\\n")
        return [EvaluateResult(len(sample.response) * self.factor) for sample in samples]


@reward_function
def crash(response, **kwargs):
    '''Kills its process, once for each file that says so.'''
    if "crash" in response and os.path.exists("crash"):
        os.remove("crash")
        os.kill(os.getpid(), signal.SIGKILL)
    if "always" in response:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(len(response))


@reward_function
def where(response, **kwargs):
    with open("where", "a") as file:
        file.write(f"{os.getpid()}\\n")
    if os.path.exists("hold") and len(open("where").read().split()) > 100:
        time.sleep(10_000)  # until it is killed
    return 1.0


@reward_function
def stop(response, **kwargs):
    if "stop" in response:
        raise ValueError("no such response: stop")
    return 1.0
"""


def data(rows=600):
    """Rows in groups of one to four, with some that cannot be read."""
    lines = []
    for i in range(rows):
        group, answer = f"{i // 150}.{i % 150 // (1 + i // 150)}", i % 7
        row = {
            "id": i,
            "prompt": f"Question {group}?",
            "completion": f"<answer>{answer if i % 3 else 'none'}</answer>" + "x" * (i % 40),
            "answer": str(answer),
        }
        lines.append(json.dumps(row))
        if i % 97 == 5:
            lines += ["not JSON", ""]
    return "\n".join(lines) + "\n"


def parts_of(directory):
    """The files of a scored directory that every engine writes alike, by name."""
    return {path.name: path.read_bytes() for path in sorted(Path(directory).iterdir()) if path.suffix in (".parquet", ".json")}


def start(*arguments, command=COMMAND[1:], **options):
    """`rl-rewards score ARGUMENTS`, in a process group of its own."""
    command = [sys.executable, *command, *map(str, arguments)]
    environment = {**ENVIRONMENT, **options}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


class Late:
    """Gives back a block's place; the first one comes last."""

    def __call__(self, block):
        if block.index == 0:
            time.sleep(0.2)
        return block.index
