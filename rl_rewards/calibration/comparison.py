"""Scores of a rubric beside human labels, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from rl_rewards.calibration.agreement import Agreement, agreement
from rl_rewards.calibration.bias import Bias, length_bias, position_bias
from rl_rewards.calibration.labels import LabelError, labels_of
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.types.components import component_score

__all__ = ["TOTAL", "Calibration", "Comparison", "Pairing", "pairings"]

TOTAL = "total"
"""The name of the weighted total in a pairing."""


@dataclass(frozen=True)
class Pairing:
    """What is compared with which column: the total, a reward, or a component written reward.component."""

    score: str
    column: str


def pairings(rubric: Rubric, given: Sequence[str]) -> list[Pairing]:
    """The pairings of `--label` options: COLUMN for the total and every reward, or SCORE=COLUMN.

    Raises:
        LabelError: when a score is no reward of the rubric.
    """
    names = [reward.name for reward in rubric]
    found = []
    for text in given:
        score, equals, column = text.rpartition("=")
        if not equals:
            found += [Pairing(name, text) for name in ([TOTAL] if len(names) > 1 else []) + names]
            continue
        reward = next((name for name in [TOTAL, *names] if score == name or (name != TOTAL and score.startswith(f"{name}."))), None)
        if reward is None:
            near = get_close_matches(score.partition(".")[0], [TOTAL, *names], n=1)
            allowed = ", ".join([TOTAL, *names])
            raise LabelError(
                f"a label must be of one of {allowed}, or of REWARD.COMPONENT, got {score!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        found.append(Pairing(score, column))
    return found


@dataclass
class Comparison:
    """One pairing, row by row.

    Attributes:
        scores, labels, prompts, lengths: of the rows with a score and a label.
        unscored: rows with a label on which there is no score.
        unlabelled: rows without a label.
    """

    pairing: Pairing
    scores: list[float] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    components: list[dict[str, float]] = field(default_factory=list)
    unscored: int = 0
    unlabelled: int = 0

    def add(self, evaluation: Evaluation, prompts: Sequence[int]) -> None:
        """Take a batch."""
        reward, _, component = self.pairing.score.partition(".")
        column = evaluation.columns.get(self.pairing.score) or evaluation.columns.get(reward)
        totals = evaluation.totals() if self.pairing.score == TOTAL else None
        whole = self.pairing.score in evaluation.columns
        for i, sample in enumerate(evaluation.samples):
            label = sample.references.get(self.pairing.column)
            if label is None or (isinstance(label, str) and not label.strip()) or label != label:
                self.unlabelled += 1
                continue
            metrics = column.results[i].metrics if column is not None else {}
            if totals is not None:
                score = totals[i]
            elif column is None or column.results[i].score is None:
                score = None
            else:
                score = column.scores[i] if whole else component_score(metrics.get(component))
            if score is None:
                self.unscored += 1
                continue
            self.scores.append(score)
            self.labels.append(label)
            self.prompts.append(prompts[i])
            self.lengths.append(len(sample.response.split()))
            self.components.append({name: value for name, part in metrics.items() if (value := component_score(part)) is not None})

    def calibration(self, positive: str | None, resamples: int, seed: int) -> Calibration:
        """What came of it.

        Raises:
            LabelError: when there is nothing to compare.
        """
        if not self.scores:
            raise LabelError(
                f"no row has both a score of {self.pairing.score!r} and a label in {self.pairing.column!r}: {self.unscored} have no score, {self.unlabelled} no label"
            )
        labels = labels_of(self.labels, self.pairing.column, positive)
        scores, prompts, lengths = np.array(self.scores), np.array(self.prompts), np.array(self.lengths)
        found = (
            length_bias(scores, labels.values, lengths, prompts, resamples, seed),
            position_bias(self.components, scores, prompts, resamples, seed),
        )
        return Calibration(
            self.pairing,
            agreement(scores, labels, prompts, resamples, seed),
            [bias for bias in found if bias is not None],
            labels.cut,
            self.unscored,
            self.unlabelled,
        )


@dataclass(frozen=True)
class Calibration:
    """What a comparison says.

    Attributes:
        cut: the label from which on a row is good.
        unscored: rows with a label on which the rubric gave no score; they are in no number.
    """

    pairing: Pairing
    agreement: Agreement
    biases: list[Bias]
    cut: float
    unscored: int
    unlabelled: int

    def to_json(self) -> Mapping[str, Any]:
        return {
            "score": self.pairing.score,
            "label": self.pairing.column,
            "label_from": self.cut,
            "rows_without_score": self.unscored,
            "rows_without_label": self.unlabelled,
            **self.agreement.to_json(),
            "biases": {
                bias.name: {**asdict(bias.estimate), "measure": bias.measure, "unbiased": bias.unbiased, "found": bias.found} for bias in self.biases
            },
        }
