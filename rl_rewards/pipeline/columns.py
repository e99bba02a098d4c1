"""What comes of a batch: a column of results for each reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.reward import Reward
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["Evaluation", "RewardColumn"]


@dataclass(slots=True)
class RewardColumn:
    """One reward's share of an evaluated batch of N samples.

    Attributes:
        reward: whose share it is.
        answers: N parsed answers; None where there was none, where the reward does not apply, and for one that reads no answer.
        results: N results of the scorer, checked: finite scores, failures without a score.
        raw: N scores as the scorer gave them; None where it gave none.
        scores: N scores after clip, gate and `on_error`; None where there is none.
        seconds: wall time of the scorer.
        clipped: how many scores the clip changed.
        gate_open: N times whether the gate let the score through; None where the reward has no gate, or it was not decided.
    """

    reward: Reward
    answers: list[Any]
    results: list[EvaluateResult]
    raw: list[float | None]
    scores: list[float | None]
    seconds: float = 0.0
    clipped: int = 0
    gate_open: list[bool | None] | None = None
    _final: tuple[list[Outcome], list[int]] | None = None

    @property
    def outcomes(self) -> list[Outcome]:
        """N outcomes, of the results."""
        return self._final[0] if self._final else [result.outcome for result in self.results]

    @property
    def failed(self) -> list[int]:
        """Positions of the samples on which the reward itself failed."""
        return self._final[1] if self._final else [i for i, result in enumerate(self.results) if result.score is None and result.failed]

    def part(self, start: int, stop: int) -> RewardColumn:
        """The column of the samples from `start` up to `stop`."""
        raw, gate_open = self.raw[start:stop], self.gate_open
        clipped = 0 if self.reward.clip is None else sum(score is not None and self.reward.clipped(score) != score for score in raw)
        return RewardColumn(
            self.reward,
            self.answers[start:stop],
            self.results[start:stop],
            raw,
            self.scores[start:stop],
            self.seconds,
            clipped,
            None if gate_open is None else gate_open[start:stop],
        )

    def finish(self) -> None:
        """Count outcomes and failures once: gates and policies have been applied."""
        self._final = None
        self._final = self.outcomes, self.failed


@dataclass(slots=True)
class Evaluation:
    """An evaluated batch: its samples, and a column for each reward by name.

    A row on which a weighted reward failed, with `on_error: skip`, is unscorable: no reward of the rubric has a score there for the
    caller, so that it takes no part in baseline, gradient or total. The columns keep what the other rewards found.

    Attributes:
        samples: N samples.
        columns: reward name -> its column, in the rubric's order.
        scorable: N times whether the row may be trained on.
    """

    samples: Sequence[Sample]
    columns: dict[str, RewardColumn]
    scorable: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.scorable = [True] * len(self.samples)
        for column in self.columns.values():
            column.finish()
            if column.reward.weight == 0:  # a metric is never trained on
                continue
            for i in column.failed:
                if column.scores[i] is None:
                    self.scorable[i] = False

    def part(self, start: int, stop: int) -> Evaluation:
        """The evaluation of the samples from `start` up to `stop`, where several callers share a batch."""
        return Evaluation(self.samples[start:stop], {name: column.part(start, stop) for name, column in self.columns.items()})

    @property
    def unscorable(self) -> int:
        """How many rows are left out."""
        return self.scorable.count(False)

    def scores(self, name: str) -> list[float | None]:
        """A reward's N scores as the caller gets them: none on unscorable rows.

        A metric has none either where no weighted reward has one: TRL would take a row with a metric's score alone for a reward of 0.
        """
        column = self.columns[name]
        if column.reward.weight == 0 and any(other.reward.weight != 0 for other in self.columns.values()):
            return [None if total is None else score for total, score in zip(self.totals(), column.scores, strict=True)]
        if False not in self.scorable:
            return column.scores
        return [score if ok else None for score, ok in zip(column.scores, self.scorable, strict=True)]

    def totals(self) -> list[float | None]:
        """The weighted sum of each sample's scores, as TRL sums them: absent scores count nothing, a row without any has no total."""
        totals: list[float | None] = [None] * len(self.samples)
        for column in self.columns.values():
            weight = column.reward.weight
            if weight == 0:
                continue
            for i, score in enumerate(column.scores):
                if score is not None and self.scorable[i]:
                    totals[i] = (totals[i] or 0.0) + weight * score
        return totals

    def _repr_html_(self) -> str:
        from rl_rewards.pipeline.notebook import evaluation_html  # only a notebook asks

        return evaluation_html(self.samples, self.columns, self.totals())
