"""maj@k: is the answer that most of k completions give right?"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np

from rl_rewards.aggregates.base import Coverage, Rows, State, configured, lacks_answer
from rl_rewards.aggregates.problems import ProblemAggregate, key_of
from rl_rewards.aggregates.sums import SumTable

__all__ = ["MajAtK"]

_NO_VOTE = 0


@configured
class MajAtK(ProblemAggregate):
    """Probability that a majority vote of k completions is right, as a mean over problems (self-consistency, 2203.11171; exact over all draws).

    A completion votes for its parsed answer, as the reward's parser gives it, without white space around it; one without an answer has no
    vote, and where nobody votes the problem is not solved. Equal first ones win at random, and an answer is as right as its completions are. The state is 32 bytes for each distinct answer of
    a problem. A reward that reads no answer has no votes to count, which is an error.
    """

    @property
    def reads_answers(self) -> bool:
        return True

    def label(self, k: int) -> str:
        return f"maj@{k}"

    def start(self) -> State:
        return State(Coverage(), SumTable(2, 2))

    def add(self, state: State, rows: Rows) -> None:
        found = self.scored(state, rows)
        column = rows.evaluation.columns[self.reward]
        scores = column.scores
        votes = [_NO_VOTE if lacks_answer(column, i) else vote_of(column.answers[i]) for i in found]
        right = np.array([(scores[i] or 0.0) >= self.right for i in found], float)
        keys = np.stack([rows.problems[found], np.array(votes, np.uint64)], axis=1)
        state.sums.add(keys, np.stack([np.ones(len(found)), right], axis=1))

    def per_problem(self, state: State, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        keys, counts = state.sums.rows()
        problems, first = np.unique(keys[:, 0], return_index=True)
        found, values = [], []
        for problem, start, end in zip(problems, first, [*first[1:], len(keys)]):
            sizes, right = counts[start:end, 0].astype(np.int64), counts[start:end, 1]
            if sizes.sum() < k:
                continue
            voting = keys[start:end, 1] != _NO_VOTE
            chances = win_chances(tuple(sorted(sizes[voting].tolist())), int(sizes[~voting].sum()), k)
            found.append(problem)
            values.append(math.fsum(chances[int(size)] * r / size for size, r in zip(sizes[voting], right[voting])))
        return np.array(found, np.uint64), np.array(values, float), len(problems)


def vote_of(answer: Any) -> int:
    """What a parsed answer votes for: equal answers have equal votes."""
    text = answer.strip() if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, sort_keys=True, default=str)
    return key_of(text) or 1


@lru_cache(maxsize=65536)
def win_chances(sizes: tuple[int, ...], silent: int, k: int) -> dict[int, float]:
    """For each size of an answer's following, the probability that this answer wins among k of the n completions, drawn without replacement.

    Args:
        sizes: how many completions give each answer, ascending.
        silent: how many give none.
        k: at most the sum of all.

    The draw is n independent coins of bias k / n given that k fall heads, which makes every factor a probability: no binomial of n
    overflows.
    """
    n = sum(sizes) + silent
    if k == n:
        top = sizes[-1] if sizes else 0
        return {size: (1 / sizes.count(top) if size == top else 0.0) for size in set(sizes)}
    whole = _coins(n, k / n)[k]
    return {size: _wins(size, sizes, silent, k, k / n) / whole for size in set(sizes)}


def _wins(size: int, sizes: tuple[int, ...], silent: int, k: int, bias: float) -> float:
    """The chance that k heads fall and the answer has the most, equal first ones sharing the win."""
    others = list(sizes)
    others.remove(size)
    own, unheard = _coins(size, bias), _coins(silent, bias)[: k + 1]
    chance = 0.0
    for votes in range(1, min(size, k) + 1):
        left = k - votes
        # ways[t, x]: the chance that others have x heads together, none more than `votes`, t of them exactly `votes`.
        ways = np.zeros((left // votes + 1, left + 1))
        ways[0, : len(unheard[: left + 1])] = unheard[: left + 1]
        for other in others:
            coins = _coins(other, bias)
            fewer = coins[: min(votes, other + 1)]
            following = np.zeros_like(ways)
            for x, weight in enumerate(fewer[: left + 1]):
                following[:, x:] += weight * ways[:, : left + 1 - x]
            if other >= votes and left >= votes:
                following[1:, votes:] += coins[votes] * ways[:-1, : left + 1 - votes]
            ways = following
        chance += own[votes] * math.fsum(ways[:, left] / np.arange(1, len(ways) + 1))
    return chance


@lru_cache(maxsize=4096)
def _coins(n: int, bias: float) -> np.ndarray:
    """Probabilities of 0 ... n heads of n coins, shape (n + 1,)."""
    if bias >= 1.0:
        return np.eye(n + 1)[n]
    logs = [math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1) + x * math.log(bias) + (n - x) * math.log1p(-bias) for x in range(n + 1)]
    if n <= 1000:  # whole binomials are exact, logarithms of the gamma function are not
        return np.array([math.comb(n, x) * bias**x * (1 - bias) ** (n - x) for x in range(n + 1)])
    return np.exp(logs)
