"""GSM8K from the hub, as the recipes want it: `recipes.gsm8k:train` (7,473 problems) and `recipes.gsm8k:test` (1,319).

prompt   conversational: an instruction and the problem
answer   the number after "####" in GSM8K's own solution, without thousands separators
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

INSTRUCTION = "Reason step by step, and put your final answer within \\boxed{}."


def train() -> Dataset:
    """The training problems."""
    return _load("train")


def test() -> Dataset:
    """The test problems."""
    return _load("test")


def row(example: dict[str, Any]) -> dict[str, Any]:
    """A problem of GSM8K as a row to train on."""
    turns = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": example["question"]}]
    return {"prompt": turns, "answer": example["answer"].rpartition("####")[2].strip().replace(",", "")}


def _load(split: str) -> Dataset:
    from datasets import load_dataset

    return load_dataset("openai/gsm8k", "main", split=split).map(row, remove_columns=["question"])
