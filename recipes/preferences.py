"""Preferences over answers to the arithmetic task: what recipes/reward_model.py trains its embedded reward model on.

As datasets: `--dataset recipes.preferences:train` and `--eval_dataset recipes.preferences:test`, in the RewardTrainer's form:

    prompt     conversational, one user turn
    chosen     the better response, one assistant turn
    rejected   the worse one

A response is better when its answer is right, and between two that are equally right when it keeps the format. Half of the pairs are twins
that differ in nothing but the number that they arrive at: without them a reward model learns the format, which is easy to see, and hardly
any arithmetic. Train pairs are about the train questions of recipes/arithmetic.py and test pairs about its test questions, so what GRPO is
evaluated on is as new to the reward model as it is to GRPO.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recipes.arithmetic import Question, questions

if TYPE_CHECKING:
    from datasets import Dataset

PAIRS = {"train": 16_000, "test": 620}
GUESSES = ("I guess", "no idea", "this is easy")
# The first keeps the format; the others break it in the ways that the policy does.
FORMS = (
    "<think>{thought}</think><answer>{answer}</answer>",
    "<think>{thought}<answer>{answer}</answer>",
    "<think>{thought}</think>{answer}",
    "{thought}, so the answer is {answer}.",
    "<answer>{answer}</answer>",
)


@dataclass(frozen=True)
class Response:
    text: str
    right: bool
    keeps_format: bool

    @property
    def quality(self) -> tuple[bool, bool]:
        return self.right, self.keeps_format


def train() -> Dataset:
    """16,000 pairs about the train questions, which have a known wording and known operands."""
    return _dataset([q for q in questions() if not q.held_out_wording and not q.held_out_operands], PAIRS["train"], seed=0)


def test() -> Dataset:
    """620 pairs about the test questions, which have a held-out wording: two for each."""
    return _dataset([q for q in questions() if q.held_out_wording], PAIRS["test"], seed=1)


def pair(question: Question, rng: random.Random) -> tuple[Response, Response]:
    """A better and a worse response to a question."""
    if rng.random() < 0.5:
        form, guess = _form(rng), _guess(rng)
        return _respond(question, question.answer, form, guess), _respond(question, _wrong(question, rng), form, guess)
    while True:
        one, other = (_respond(question, rng.choice((question.answer, _wrong(question, rng))), _form(rng), _guess(rng)) for _ in range(2))
        if one.quality != other.quality:
            return (one, other) if one.quality > other.quality else (other, one)


def _respond(question: Question, answer: str, form: str, guess: str | None) -> Response:
    thought = guess or f"{question.working} = {answer}"
    return Response(form.format(thought=thought, answer=answer), answer == question.answer, form == FORMS[0])


def _form(rng: random.Random) -> str:
    return FORMS[0] if rng.random() < 0.6 else rng.choice(FORMS[1:])


def _guess(rng: random.Random) -> str | None:
    """What stands in the place of the working, now and then."""
    return rng.choice(GUESSES) if rng.random() < 0.3 else None


def _wrong(question: Question, rng: random.Random) -> str:
    return rng.choice([str(number) for number in range(19) if str(number) != question.answer])


def _dataset(asked: list[Question], size: int, seed: int) -> Dataset:
    from datasets import Dataset

    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for index in range(size):
        question = asked[index % len(asked)]
        chosen, rejected = pair(question, rng)
        rows.append(
            {
                "prompt": [{"role": "user", "content": question.text}],
                "chosen": [{"role": "assistant", "content": chosen.text}],
                "rejected": [{"role": "assistant", "content": rejected.text}],
            }
        )
    return Dataset.from_list(rows)
