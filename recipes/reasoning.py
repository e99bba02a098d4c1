"""Tasks of reasoning-gym (PyPI) as a dataset and a scorer, for a small language model: `recipes.reasoning:train`, `recipes.reasoning:test`.

reasoning-gym makes as many questions as one likes, of about a hundred kinds, and knows how to score an answer to each. Its scorers want
the whole entry that a question came from, with its metadata; so that this survives every dataset format, it travels as JSON text in a
column of its own:

    prompt   conversational: an instruction, solved examples of the same task, and the question
    answer   reasoning-gym's own answer
    task     which of its tasks this is
    entry    the entry, as JSON text

The tasks are chosen and made easy so that a model of 135 million parameters is right sometimes: without that, GRPO has nothing to go by.
Train and test are drawn with different seeds, and a question that turns up in both is taken out of the test set.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from rl_rewards import EvaluateResult, Outcome, reward_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset

INSTRUCTION = "Give the final answer alone, inside <answer> and </answer>."
TASKS: dict[str, dict[str, Any]] = {
    "chain_sum": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
    "letter_counting": {"min_words": 2, "max_words": 3},
}
SOLVED = 2  # examples in each prompt; without any, a model this small does not write the tags
# Far apart: reasoning-gym draws question i with seed + i, so that seeds 1 and 2 would give all but the same questions.
TRAIN_SEED, TEST_SEED, EXAMPLE_SEED = 0, 1_000_000, 2_000_000
TRAIN_SIZE = 128  # of each task; there are only 200 of the sums, and some must be left for the test


@reward_function
def score_answer(parsed: str | None, task: str, entry: str) -> EvaluateResult:
    """Score an answer 1 where reasoning-gym gives it the full score, else 0: it pays a part for any text that has the answer somewhere in it."""
    if parsed is None:
        return EvaluateResult(0.0, "no answer in the response", outcome=Outcome.UNPARSED)
    return EvaluateResult(float(_score_answer_of(task)(parsed, json.loads(entry)) >= 1.0))


def train() -> Dataset:
    """TRAIN_SIZE questions of each task, shuffled."""
    return _dataset(_questions(TRAIN_SEED, TRAIN_SIZE)).shuffle(seed=0)


def test(size: int = 24) -> Dataset:
    """`size` questions of each task, neither in the train set nor among the solved examples."""
    seen = {entry["question"] for _, entry in _questions(TRAIN_SEED, TRAIN_SIZE) + _questions(EXAMPLE_SEED, SOLVED)}
    chosen: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {task: {} for task in TASKS}
    for task, entry in _questions(TEST_SEED, 8 * size):
        if entry["question"] not in seen and len(chosen[task]) < size:
            chosen[task][entry["question"]] = (task, entry)
    return _dataset([pair for pairs in chosen.values() for pair in pairs.values()])


def _questions(seed: int, size: int) -> list[tuple[str, dict[str, Any]]]:
    import reasoning_gym  # takes seconds to load, and a rubric that names score_answer needs it only when it scores

    return [(task, entry) for task, options in TASKS.items() for entry in reasoning_gym.create_dataset(task, size=size, seed=seed, **options)]


def _dataset(questions: list[tuple[str, dict[str, Any]]]) -> Dataset:
    from datasets import Dataset

    solved = _questions(EXAMPLE_SEED, SOLVED)
    return Dataset.from_list(
        [
            {
                "prompt": _prompt([example for name, example in solved if name == task], entry["question"]),
                "answer": entry["answer"],
                "task": task,
                "entry": json.dumps(entry),
            }
            for task, entry in questions
        ]
    )


def _prompt(solved: list[dict[str, Any]], question: str) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": INSTRUCTION}]
    for example in solved:
        turns.append({"role": "user", "content": example["question"]})
        turns.append({"role": "assistant", "content": f"<answer>{example['answer']}</answer>"})
    return [*turns, {"role": "user", "content": question}]


@functools.cache
def _score_answer_of(task: str) -> Callable[[str, dict[str, Any]], float]:
    import reasoning_gym

    return reasoning_gym.get_score_answer_fn(task)
