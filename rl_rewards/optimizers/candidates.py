"""Candidates: prompts with what was measured of them, ranked by a lower confidence bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.generation.prompt import Prompt

__all__ = ["Candidate", "Measured", "Spread", "paired"]

_PRIOR_ROWS = 4.0  # how many rows of its own a candidate's spread needs to weigh as much as that of all candidates


@dataclass(frozen=True, slots=True)
class Measured:
    """A completion and what the rubric makes of it.

    Attributes:
        row: the row's number in the dataset.
        question: the text of the row's last user turn.
        completion: what the model wrote.
        score: the rubric's total; None on an unscorable row, which counts nowhere.
        scores: reward -> its score, or None.
        outcomes: reward -> its outcome.
        reasons: reward -> its reason, or what went wrong, or None.
        answers: reward -> the answer that was parsed, as text, or None.
    """

    row: int
    question: str
    completion: str
    score: float | None
    scores: Mapping[str, float | None]
    outcomes: Mapping[str, str]
    reasons: Mapping[str, str | None]
    answers: Mapping[str, str | None]


@dataclass(slots=True)
class Candidate:
    """A prompt, and its rewards on held-out rows.

    Attributes:
        prompt: what tells it from others is `prompt.key`.
        rewards: row number -> the mean score of its completions to that row.
        scores: reward -> its scores on these rows.
        measured: how many rows it was measured on, those without a score included.
        unscored: completions without a score: a reward itself failed there.
        origin: how it came about, for people.
    """

    prompt: Prompt
    rewards: dict[int, float] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    measured: int = 0
    unscored: int = 0
    origin: str = ""

    def add(self, measured: Iterable[Measured]) -> None:
        """Count measurements on rows that it was not measured on before."""
        measured = list(measured)
        self.measured += len({each.row for each in measured})
        by_row: dict[int, list[float]] = {}
        for each in measured:
            if each.score is None:
                self.unscored += 1
                continue
            by_row.setdefault(each.row, []).append(each.score)
            for name, score in each.scores.items():
                if score is not None:
                    self.scores.setdefault(name, []).append(score)
        self.rewards.update({row: math.fsum(scores) / len(scores) for row, scores in by_row.items()})

    @property
    def mean(self) -> float | None:
        """The mean reward over rows; None where no row has a score."""
        return math.fsum(self.rewards.values()) / len(self.rewards) if self.rewards else None

    @property
    def squares(self) -> float:
        """The sum of squared differences of its rows' rewards from their mean."""
        mean = self.mean or 0.0
        return math.fsum((reward - mean) ** 2 for reward in self.rewards.values())

    def facts(self, spread: Spread) -> dict[str, Any]:
        """What is logged of it."""
        components = {f"rewards/{name}": math.fsum(scores) / len(scores) for name, scores in self.scores.items() if scores}
        bound = spread.lower_bound(self)
        return {
            "mean": self.mean,
            "lower_bound": bound if math.isfinite(bound) else None,
            "rows": len(self.rewards),
            "unscored": self.unscored,
            "examples": len(self.prompt.examples),
            **components,
        }


class Spread:
    """How much rewards differ from row to row, learnt from all candidates, and the bounds that follow.

    A candidate's own rows alone would say that three equal rewards are certain. So its variance is that of its own rows and of the rows of
    all candidates about their means, which weighs as much as four rows.

    Args:
        confidence: standard errors below the mean.
    """

    def __init__(self, confidence: float = 1.0) -> None:
        self.confidence = confidence
        self._known: dict[str, Candidate] = {}

    def know(self, candidate: Candidate) -> None:
        """Learn from a candidate's rows, now and as they become more."""
        self._known[candidate.prompt.key] = candidate

    def variance(self, candidate: Candidate) -> float:
        """The variance of a candidate's reward from row to row."""
        freedom = sum(max(len(each.rewards) - 1, 0) for each in self._known.values())
        pooled = math.fsum(each.squares for each in self._known.values()) / freedom if freedom else 0.0
        return (candidate.squares + _PRIOR_ROWS * pooled) / (max(len(candidate.rewards) - 1, 0) + _PRIOR_ROWS)

    def lower_bound(self, candidate: Candidate) -> float:
        """mean - confidence * s / sqrt(rows); minus infinity where nothing was measured."""
        if candidate.mean is None:
            return -math.inf
        return candidate.mean - self.confidence * math.sqrt(self.variance(candidate) / len(candidate.rewards))

    def best(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Candidates, the highest lower bound first; of equal ones that with fewer examples, then the earlier.

        Those that were measured on fewer rows come last: their rows may have been the easy ones.
        """
        found = list(candidates)
        most = max((each.measured for each in found), default=0)
        return sorted(found, key=lambda each: (each.measured < most, -self.lower_bound(each), len(each.prompt.examples)))


def paired(candidate: Candidate, other: Candidate) -> Sequence[float]:
    """The differences of two candidates' rewards on the rows that both were measured on."""
    return [reward - other.rewards[row] for row, reward in candidate.rewards.items() if row in other.rewards]
