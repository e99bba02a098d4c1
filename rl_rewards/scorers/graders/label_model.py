"""OpenAI's label_model grader."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.runtime.calling.chat import ChatReply
from rl_rewards.scorers.graders.model_grader import RESULT, ModelGrader
from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.types import EvaluateResult

__all__ = ["LabelModel"]


@configured
class LabelModel(ModelGrader):
    """Scores 1 where a language model gives the completion one of the passing labels, else 0, as OpenAI's label_model grader does.

    A reply without one of the labels is an error.
    """

    labels: tuple[str, ...] = field(kw_only=True)
    """The labels to choose from."""
    passing_labels: tuple[str, ...] = field(kw_only=True)
    """Those that score 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := [label for label in self.passing_labels if label not in self.labels]:
            raise ValueError(f"passing_labels must be among the labels {list(self.labels)}, got {unknown}")
        if not self.passing_labels or len(set(self.passing_labels)) == len(set(self.labels)):
            raise ValueError(f"some labels must pass and some must not, got {list(self.passing_labels)} of {list(self.labels)}")
        _ = self.criterion

    @property
    def criterion(self) -> Criterion:
        choices = {label: float(label in self.passing_labels) for label in self.labels}
        return Criterion(RESULT, f"one of the labels {', '.join(repr(label) for label in self.labels)}", choices=choices)

    @property
    def result_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.labels)}

    @property
    def lowest(self) -> float:
        return 0.0

    def result(self, value: float, reply: ChatReply) -> EvaluateResult:
        return EvaluateResult(value, " ".join(reply.text.split())[:1000])
