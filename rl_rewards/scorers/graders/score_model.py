"""OpenAI's score_model grader."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.runtime.calling.chat import ChatReply
from rl_rewards.scorers.graders.model_grader import RESULT, ModelGrader
from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.types import EvaluateResult

__all__ = ["ScoreModel"]


@configured
class _Number(Criterion):
    """A number in a range. The service clips one that lies outside; here that is a component, and no more is made of other words."""

    def value_of(self, said: Any) -> float | None:
        assert self.range is not None
        if isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said):
            return (float(said) - self.range[0]) / (self.range[1] - self.range[0])
        return super().value_of(said)


@configured
class ScoreModel(ModelGrader):
    """Scores with the number that a language model gives, as OpenAI's score_model grader does.

    A number outside `range` is clipped to it, as the service does, and component `clipped` is 1. A reply without one number is an error; the
    service makes it 0.
    """

    range: tuple[float, float] = field(default=(0.0, 1.0), kw_only=True)
    """Lowest and highest score."""
    pass_threshold: float | None = field(default=None, kw_only=True)
    """Component `passed` is 1 from this score on; the score is not changed by it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.range[0] < self.range[1]:
            raise ValueError(f"range must be [lowest, highest] with lowest < highest, got {list(self.range)}")

    @property
    def criterion(self) -> Criterion:
        return _Number(RESULT, f"a number from {self.range[0]:g} to {self.range[1]:g}", range=self.range)

    @property
    def result_schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.range[0], "maximum": self.range[1]}

    @property
    def lowest(self) -> float:
        return self.range[0]

    def result(self, value: float, reply: ChatReply) -> EvaluateResult:
        low, high = self.range
        score = low + min(max(value, 0.0), 1.0) * (high - low)
        metrics = {"clipped": float(not 0.0 <= value <= 1.0)}
        if self.pass_threshold is not None:
            metrics["passed"] = float(score >= self.pass_threshold)
        return EvaluateResult(score, " ".join(reply.text.split())[:1000], metrics)
