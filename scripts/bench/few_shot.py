"""Does random_few_shot find the best examples, where Synalinks' rule for telling candidates apart finds them never?

    .venv/bin/python scripts/bench/few_shot.py              # 10 seeds, about two minutes on two cores

The model is scripts/toy_model_server.py in a process of its own: it answers a kind of question right once an example of that kind is shown, so
the best three examples are those of the three commonest of eight kinds, and right on 21 of 36 held-out questions. Every seed has questions of
its own, split into 36 to learn from, 36 to choose by and 36 to test on, and each way has the same budget of completions.

Beside ours, `identity rule` is what Synalinks 0.10.14 does with fixed instructions: a candidate is told apart by its trainable fields without
the examples, so that all sets of examples are one candidate. The first set that is drawn stays its prompt; its reward is a running mean over
whatever sets are drawn later. It is this rule alone that is compared: the draws, the model and the measurements are ours.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import toy_model_server as toy

from rl_rewards import Reward, Rubric
from rl_rewards.generation import Example, Prompt, Sampling, load_model
from rl_rewards.generation.collecting import prompt_rows
from rl_rewards.generation.journal import Journal
from rl_rewards.optimizers import RandomFewShot, Split, Task, optimize
from rl_rewards.optimizers.task import Budget
from rl_rewards.tables.readers import Row

SHARE = 21 / 36


@contextmanager
def server() -> Iterator[str]:
    """The toy server, in a process of its own: its address."""
    process = subprocess.Popen([sys.executable, str(Path(toy.__file__))], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def part(seed: int) -> list:
    return prompt_rows([Row(1000 * seed + number, 1, dict(values)) for number, values in enumerate(toy.rows(36, seed), 1)], print)


def kinds(prompt: Prompt) -> set[str]:
    """The kinds that a prompt shows."""
    turns = [
        turn for each in prompt.examples for turn in ({"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.completion})
    ]
    return toy.solved_kinds(turns)


def identity_rule(task: Task, split: Split, budget: int, seed: int) -> Prompt:
    """The prompt that is kept where all sets of examples are one candidate."""
    options, rng, spending = RandomFewShot(), random.Random(seed), Budget(budget)
    pool = {Example(each.question, each.completion): each.score or 0.0 for each in task.measure(Prompt(), split.train, spending)}
    examples = list(pool)
    population: dict[str, tuple[Prompt, float, int]] = {}  # one entry: the key leaves the examples out
    while spending.left >= 4:  # Synalinks measures a candidate on 4 held-out rows
        drawn = options.choose([pool[example] for example in examples], rng.randint(1, 3), rng)
        prompt = Prompt(examples=tuple(examples[place] for place in drawn))
        rewards = [each.score or 0.0 for each in task.measure(prompt, rng.sample(split.validation, 4), spending)]
        kept, mean, visits = population.get("instructions", (prompt, 0.0, 0))
        population["instructions"] = kept, (mean * visits + sum(rewards) / 4) / (visits + 1), visits + 1
    return population["instructions"][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=2000, help="completions of each search")
    arguments = parser.parse_args()
    rubric = Rubric([Reward("correct", {"string_match": "{{references.answer}}"}, {"tag": "answer"})])
    table = Table(title=f"Searches of {arguments.budget} completions; the optimum is {SHARE:.3f}", title_justify="left")
    for heading in ("seed", "start", "ours", "its kinds", "completions", "candidates", "identity rule", "its kinds"):
        table.add_column(heading)
    ours = theirs = 0
    with server() as url, tempfile.TemporaryDirectory() as directory:
        model = load_model("toy", base_url=url)
        for seed in track(range(arguments.seeds), "searching", console=Console(stderr=True)):
            split = Split(part(3 * seed), part(3 * seed + 1), part(3 * seed + 2))
            with Journal(Path(directory, f"{seed}.jsonl"), {}) as journal:
                task = Task(model, rubric, Sampling(seed=seed), journal)
                found = optimize(task, split, RandomFewShot(), arguments.budget, seed=seed)
                kept = identity_rule(task, split, arguments.budget, seed)
                kept_mean = sum(each.score or 0.0 for each in task.measure(kept, split.test)) / len(split.test)
            reached = [kinds(prompt) == set(toy.BEST_EXAMPLES) for prompt in (found.best.prompt, kept)]
            ours, theirs = ours + reached[0], theirs + reached[1]
            shown = [" ".join(sorted(kinds(prompt))) + ("  (best)" if best else "") for prompt, best in zip((found.best.prompt, kept), reached)]
            numbers = (
                f"{found.test_start.mean:.3f}",
                f"{found.test.mean:.3f}",
                shown[0],
                str(found.spent),
                str(found.candidates),
                f"{kept_mean:.3f}",
                shown[1],
            )
            table.add_row(str(seed), *numbers)
    Console(width=150).print(table)
    print(
        f"reached the optimum: ours {ours} of {arguments.seeds}, the identity rule {theirs} of {arguments.seeds} (rewards are of 36 test questions)"
    )
    sys.exit(0 if ours >= 0.9 * arguments.seeds and theirs == 0 else 1)


if __name__ == "__main__":
    main()
