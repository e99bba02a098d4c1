"""The task of the embedded recipe: one-step sums and differences of the numbers 0 to 9, asked in twelve wordings.

Small enough for a policy of 156,000 parameters to learn from in under a minute on two cores, and generated here, so nothing is downloaded.
As datasets: `--dataset recipes.arithmetic:train` and `--eval_dataset recipes.arithmetic:test`, with the columns

    prompt   conversational, one user turn
    answer   the right answer as text, e.g. "12"
    task     "addition" or "subtraction"

What is held out of GRPO: four of the wordings (two per task) and eleven of the 55 operand pairs (in either order). No train question has
one of them. The test asks the held-out wordings about every pair, so a fifth of it (64 of 310 questions) has held-out operands as well.
What is not: scripts/make_tiny_policy.py warm-starts the policy on `warm_start()`, which is everything but those 64 questions. So the policy
has met each wording and each pair before, GRPO rewards neither, and those 64 questions are seen at no time before the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

WORDINGS = {
    "addition": (
        "What is {a} + {b}?",
        "What is {a} plus {b}?",
        "Add {a} and {b}.",
        "Ann has {a} apples and gets {b} more. How many apples does she have?",
    ),
    "subtraction": (
        "What is {a} - {b}?",
        "What is {a} minus {b}?",
        "Take {b} away from {a}.",
        "Ann has {a} apples and eats {b}. How many apples does she have?",
    ),
}
HELD_OUT_WORDINGS = {
    "addition": ("Find the sum of {a} and {b}.", "There are {a} cats and {b} dogs. How many animals are there?"),
    "subtraction": ("Find the difference of {a} and {b}.", "There were {a} birds and {b} flew away. How many birds are there?"),
}
# Smaller operand first. Spread over the table of sums, so that no single answer is held out with them.
HELD_OUT_OPERANDS = frozenset({(0, 3), (0, 6), (1, 8), (2, 5), (2, 9), (3, 4), (3, 9), (4, 7), (5, 5), (6, 8), (7, 9)})
SIGNS = {"addition": "+", "subtraction": "-"}


@dataclass(frozen=True)
class Question:
    task: str
    a: int
    b: int
    text: str
    held_out_wording: bool

    @property
    def held_out_operands(self) -> bool:
        return (min(self.a, self.b), max(self.a, self.b)) in HELD_OUT_OPERANDS

    @property
    def working(self) -> str:
        """The sum as it is worked out, without its result: "3 + 4"."""
        return f"{self.a} {SIGNS[self.task]} {self.b}"

    @property
    def answer(self) -> str:
        return str(self.a + self.b if self.task == "addition" else self.a - self.b)


def questions() -> Iterator[Question]:
    """Every question there is, 930 in a fixed order; differences are never negative."""
    for task in SIGNS:
        for held_out, wordings in ((False, WORDINGS[task]), (True, HELD_OUT_WORDINGS[task])):
            for a in range(10):
                for b in range(10 if task == "addition" else a + 1):
                    for wording in wordings:
                        yield Question(task, a, b, wording.format(a=a, b=b), held_out)


def train() -> Dataset:
    """The 492 questions with a known wording and known operands, shuffled once and for all."""
    return _dataset([q for q in questions() if not q.held_out_wording and not q.held_out_operands]).shuffle(seed=0)


def test() -> Dataset:
    """The 310 questions with a held-out wording, 64 of them with held-out operands too."""
    return _dataset([q for q in questions() if q.held_out_wording])


def warm_start() -> list[Question]:
    """Every question but the 64 with both a held-out wording and held-out operands: what scripts/make_tiny_policy.py teaches on."""
    return [q for q in questions() if not (q.held_out_wording and q.held_out_operands)]


def _dataset(chosen: list[Question]) -> Dataset:
    from datasets import Dataset

    return Dataset.from_list([{"prompt": [{"role": "user", "content": q.text}], "answer": q.answer, "task": q.task} for q in chosen])
