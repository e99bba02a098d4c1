"""What OpenAI's graders cost as rewards, and that templates, formulas and patterns are compiled once.

    python scripts/bench/graders.py

A batch of 2,048 completions in groups of 8 through a rubric of three native string rewards, the same three as string_check, with templates
that address more of the row, and as a grader file with a formula; then each metric of text_similarity. Times are the best of several rounds
that take turns, per completion and reward, with the rubric's own work. The exit status is 1 where something was compiled in a batch.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from rl_rewards import Reward, Rubric, Sample, load_rubric
from rl_rewards.scorers.formula.expression import expression
from rl_rewards.scorers.graders.template import grader_template
from rl_rewards.scorers.text_similarity import METRICS

COMPLETIONS, GROUP, ROUNDS = 2048, 8, 9
OPERATIONS = ("eq", "like", "ilike")


def main() -> int:
    rubrics = {
        "string_match, native": native(),
        "string_check": Rubric([Reward(name, {"string_check": {"reference": "answer", "operation": name}}) for name in OPERATIONS]),
        "string_check, templates": Rubric([Reward(name, {"string_check": addressed(name)}) for name in OPERATIONS]),
        "native and a formula": Rubric([*(Reward(each.name, each.score, weight=0) for each in native()), Reward("all", {"formula": SUM})]),
        "grader file, multi": grader_file(),
    }
    for rubric in rubrics.values():
        rubric.evaluate(batch())
    before = compiled()
    best = dict.fromkeys(rubrics, float("inf"))
    for _ in range(ROUNDS):
        for name, rubric in rubrics.items():
            samples = batch()
            start = time.process_time()
            rubric.evaluate(samples)
            best[name] = min(best[name], time.process_time() - start)
    print(f"{COMPLETIONS} completions in groups of {GROUP}, best of {ROUNDS}, microseconds per completion and reward")
    for name, seconds in best.items():
        print(f"  {name:28} {1e6 * seconds / COMPLETIONS / len(rubrics[name]):7.2f}")
    again = {kind: count - before[kind] for kind, count in compiled().items()}
    print(f"compiled in {ROUNDS * len(rubrics)} batches: {', '.join(f'{count} {kind}' for kind, count in again.items())}")
    similarities()
    return int(any(again.values()))


SUM = "0.5 * eq + 0.3 * like + 0.2 * ilike"


def native() -> Rubric:
    contains = {"contains": "{{references.answer}}"}
    return Rubric(
        [
            Reward("eq", {"string_match": "answer"}),
            Reward("like", {"string_match": contains}),
            Reward("ilike", {"string_match": {**contains, "ignore_case": True}}),
        ]
    )


def addressed(operation: str) -> dict[str, str]:
    return {
        "reference": "{{ item.meta.names[0] }}: {{ item.answer }}",
        "input": "{{ item.meta.names[0] }}: {{ sample.output_text }}",
        "operation": operation,
    }


def grader_file() -> Rubric:
    graders = {
        name: {"type": "string_check", "name": name, "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}", "operation": name}
        for name in OPERATIONS
    }
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "grader.json"
        path.write_text(json.dumps({"type": "multi", "name": "all", "graders": graders, "calculate_output": SUM}))
        return load_rubric(path)


def batch() -> list[Sample]:
    """Completions of 100 letters, half of them right; new objects each time, as a trainer makes them."""
    rows = ({"answer": f"{place // GROUP:0100d}", "meta": {"names": ["number"]}} for place in range(COMPLETIONS))
    return [Sample("q", text, text, row) for place, row in enumerate(rows) if (text := row["answer"] if place % 2 else row["answer"][1:])]


def compiled() -> dict[str, int]:
    return {"templates": grader_template.cache_info().misses, "formulas": expression.cache_info().misses}


def similarities() -> None:
    """Each metric on an answer of 200 words and a reference of 50."""
    reference = " ".join(f"word{number % 40}" for number in range(50))
    answer = " ".join(f"word{number % 60}" for number in range(200))
    print("text_similarity, an answer of 200 words and a reference of 50, microseconds")
    for name, metric in METRICS.items():
        try:
            metric.similarity(answer, reference)
        except ValueError as missing:  # meteor, without WordNet
            print(f"  {name:28} {missing}")
            continue
        seconds = []
        for _ in range(50):
            start = time.process_time()
            metric.similarity(answer, reference)
            seconds.append(time.process_time() - start)
        print(f"  {name:28} {1e6 * min(seconds):7.0f}")


if __name__ == "__main__":
    sys.exit(main())
