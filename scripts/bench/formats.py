"""What a Vertex AI composite of three string-match rewards costs beside the same rubric written natively.

    python scripts/bench/formats.py [--rounds 9]

2,048 completions of 1.5 kB in groups of 8, through `rubric.reward_funcs` as a trainer calls them. The same three rewards as a
Vertex config, as a native rubric file, and as bare Python, in turns; CPU time of the process, the best of the rounds, per completion and
reward. The exit status is 0 only if the config costs at most 1.1 times what the native file does, and both give equal scores.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import re2

from rl_rewards import Rubric, load_rubric

COMPLETIONS, SIZE, GROUP, REWARDS = 2048, 1500, 8, 3
MOST = 1.1


def string(name: str, operation: str, expression: str, extract: str | None = None) -> dict[str, Any]:
    match = {"matchOperation": operation, "expression": expression}
    config: dict[str, Any] = {
        "rewardName": name,
        "stringMatchRewardScorer": {"correctAnswerReward": 1.0, "wrongAnswerReward": -1.0, "stringMatchExpression": match},
    }
    if extract:
        config["parseResponseConfig"] = {"parseType": "REGEX_EXTRACT", "regexExtractExpression": extract}
    return config


CONFIG = {
    "weightedRewardConfigs": [
        {"weight": 2, "rewardConfig": string("exact", "EXACT_MATCH", "{{references.answer}}", "<ans>(.*?)</ans>")},
        {"weight": 1, "rewardConfig": string("partial", "PARTIAL_MATCH", "so the answer is")},
        {"weight": 1, "rewardConfig": string("regex", "REGEX_CONTAINS", "<ans>[0-9]+</ans>$")},
    ]
}
NATIVE = """
rewards:
- {name: exact, weight: 0.5, parse: {regex: '<ans>(.*?)</ans>'}, score: {string_match: {equals: '{{references.answer}}', whitespace: exact, wrong: -1}}}
- {name: partial, weight: 0.25, score: {string_match: {contains: so the answer is, whitespace: exact, wrong: -1}}}
- {name: regex, weight: 0.25, score: {regex_match: {pattern: '<ans>[0-9]+</ans>$', wrong: -1}}}
"""


def data() -> tuple[list[str], list[list[dict[str, str]]], list[str]]:
    random.seed(0)
    words = ["one", "two", "three", "so the answer is", "and", "then"]
    prompts, completions, answers = [], [], []
    for i in range(COMPLETIONS):
        answer = str(i // GROUP)
        text = " ".join(random.choices(words, k=SIZE // 5))[:SIZE] + f" <ans>{random.choice([answer, '7'])}</ans>"
        prompts.append(f"question {i // GROUP}")
        completions.append([{"role": "assistant", "content": text}])
        answers.append(answer)
    return prompts, completions, answers


_ANSWER, _ENDS = re2.compile("<ans>(.*?)</ans>"), re2.compile("<ans>[0-9]+</ans>$")


def bare(prompts: Any, completions: list[list[dict[str, str]]], answer: list[str]) -> list[list[float]]:
    """The same three rules as plain Python, scores and nothing else."""
    texts = [turns[-1]["content"] for turns in completions]
    exact = [1.0 if (found := list(_ANSWER.finditer(text))) and found[-1][1] == gold else -1.0 for text, gold in zip(texts, answer, strict=True)]
    partial = [1.0 if "so the answer is" in text else -1.0 for text in texts]
    return [exact, partial, [1.0 if _ENDS.search(text) else -1.0 for text in texts]]


def through(rubric: Rubric) -> Callable[..., list[list[float]]]:
    functions = rubric.reward_funcs

    def run(prompts: Any, completions: Any, answer: list[str]) -> list[list[float]]:
        return [function(prompts=prompts, completions=completions, answer=answer) for function in functions]

    return run


def measure_overhead(rounds: int) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        files = {"vertex": Path(directory, "config.json"), "native": Path(directory, "rubric.yaml")}
        files["vertex"].write_text(json.dumps(CONFIG))
        files["native"].write_text(NATIVE)
        rubrics = {name: load_rubric(path) for name, path in files.items()}
    prompts, completions, answers = data()
    sides = {"bare": bare, **{name: through(rubric) for name, rubric in rubrics.items()}}
    best: dict[str, float] = {}
    scores = {}
    for _ in range(rounds + 1):  # the first warms up
        for name, side in sides.items():
            start = time.process_time()
            scores[name] = side(prompts, completions, answers)
            seconds = time.process_time() - start
            best[name] = min(best.get(name, seconds), seconds)
    each = {name: seconds / COMPLETIONS / REWARDS * 1e6 for name, seconds in best.items()}
    for name in rubrics:
        print(
            f"{name}: {each[name]:.2f} µs per completion and reward, {each[name] - each['bare']:.2f} µs above the bare rules ({each['bare']:.2f} µs)"
        )
    equal = scores["bare"] == scores["vertex"] == scores["native"] and rubrics["vertex"] == rubrics["native"]
    ratio = each["vertex"] / each["native"]
    print(f"vertex / native: {ratio:.2f}; {'equal' if equal else 'DIFFERENT'} scores and rubrics")
    return equal and ratio <= MOST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    raise SystemExit(0 if measure_overhead(parser.parse_args().rounds) else 1)


if __name__ == "__main__":
    main()
