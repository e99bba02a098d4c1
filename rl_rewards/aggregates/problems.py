"""Aggregates of problems: numbers over the prompts of a data set, each answered by several completions."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from itertools import count
from typing import Any
from uuid import uuid4

import numpy as np

from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State, configured
from rl_rewards.aggregates.intervals import mean_interval
from rl_rewards.aggregates.sums import SumTable
from rl_rewards.types import Sample

__all__ = ["ProblemAggregate", "RightCounts", "key_of", "prompt_text", "problem_keys", "share_note"]

_NUMBERS = count()
_PROCESS = uuid4().hex


def prompt_text(prompt: Any) -> str | None:
    """A prompt as the text that tells problems apart: text as it is, messages as JSON."""
    return prompt if prompt is None or isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False, default=str, sort_keys=True)


def key_of(text: str) -> int:
    """64 bits that stand for a text: among a million of them the chance of two equal ones is 3e-8."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def problem_keys(samples: Sequence[Sample], extra: Sequence[str] | None = None) -> np.ndarray:
    """N keys, equal where prompts are equal, wherever the rows are; a row without a prompt is a problem of its own.

    Args:
        extra: N texts that tell problems apart beside the prompt.
    """
    known: dict[str, int] = {}
    keys = np.empty(len(samples), np.uint64)
    last, last_key = object(), 0
    for i, sample in enumerate(samples):
        if extra is None and sample.prompt is last:
            keys[i] = last_key
            continue
        text = prompt_text(sample.prompt)
        if text is None:
            keys[i] = key_of(f"{_PROCESS} {next(_NUMBERS)}")
            continue
        text = text if extra is None else f"{text}\0{extra[i]}"
        if text not in known:
            known[text] = key_of(text)
        keys[i] = last_key = known[text]
        last = sample.prompt
    return keys


@configured
class ProblemAggregate(Aggregate):
    """A number for each k, a mean over the problems with k scored completions or more."""

    k: int | tuple[int, ...] = 1
    """How many completions are drawn of each problem: a number or a list of them."""
    right: float = field(default=1.0, kw_only=True)
    """The score from which on a completion is right."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.ks or any(k < 1 for k in self.ks) or len(set(self.ks)) < len(self.ks):
            raise ValueError(f"k must be whole numbers from 1 on, each once, got {list(self.ks)}")

    @property
    def ks(self) -> tuple[int, ...]:
        return (self.k,) if isinstance(self.k, int) else tuple(self.k)

    @property
    def largest_k(self) -> int:
        return max(self.ks)

    @abstractmethod
    def label(self, k: int) -> str:
        """The number's name."""

    @abstractmethod
    def per_problem(self, state: State, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Keys and values of the M problems with k scored completions or more, each shape (M,), and the number of all problems."""

    def numbers(self, state: State) -> list[Number]:
        return [self._number(state, k) for k in self.ks]

    def _number(self, state: State, k: int) -> Number:
        _, values, problems = self.per_problem(state, k)
        value, low, high = mean_interval(values)
        return Number(
            self.label(k), value, len(values), "problems", low, high, self.direction, share_note(problems - len(values), problems, k, state.coverage)
        )


def share_note(too_few: int, problems: int, k: int, coverage: Coverage) -> str | None:
    """What to say of problems that have fewer than k completions; None where all have enough."""
    if problems == 0:
        return f"no row has a score{f': {coverage.problem}' if coverage.problem else ''}"
    return f"{too_few} of {problems} problems have fewer than {k} scored completions" if too_few else None


@configured
class RightCounts(ProblemAggregate):
    """A number that follows from how many of each problem's completions are right; the state is 24 bytes a problem."""

    def start(self) -> State:
        return State(Coverage(), SumTable(1, 2))

    def add(self, state: State, rows: Rows) -> None:
        found = self.scored(state, rows)
        scores = rows.evaluation.columns[self.reward].scores
        right = np.array([(scores[i] or 0.0) >= self.right for i in found], float)
        state.sums.add(rows.problems[found][:, None], np.stack([np.ones(len(found)), right], axis=1))

    @abstractmethod
    def of_counts(self, n: int, right: int, k: int) -> float:
        """The value of a problem with n >= k scored completions, `right` of them right."""

    def per_problem(self, state: State, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        keys, counts = state.sums.rows()
        enough = counts[:, 0] >= k
        pairs, places = np.unique(counts[enough].astype(np.int64), axis=0, return_inverse=True)
        values = np.array([self.of_counts(int(n), int(right), k) for n, right in pairs], float)
        return keys[enough, 0], values[places.reshape(-1)], len(keys)
