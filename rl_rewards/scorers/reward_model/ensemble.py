"""Several reward models as one, so that no single one's mistakes are trained on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, InstanceOf, NonNegativeFloat

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.reward_model.scorer import RewardModel
from rl_rewards.scorers.reward_model.shaped import ShapedScorer
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample


def _member(spec: Any) -> Any:
    if isinstance(spec, str):
        return RewardModel(spec)
    return RewardModel(**spec) if isinstance(spec, Mapping) else spec


@configured
class RewardModelEnsemble(ShapedScorer):
    """Scores with several reward models and combines their scores (2310.02743).

    Components: `member_1`, `member_2`, ...: each one's score; `spread`: their standard deviation, what the members disagree by.
    A sample that one of the members cannot score has no score.
    """

    members: Annotated[list[Annotated[InstanceOf[RewardModel], BeforeValidator(_member)]], Field(min_length=2)]
    """Reward models: hub ids, directories, or the options of `reward_model`."""
    combine: Literal["mean", "worst", "mean_minus_spread"] = field(default="mean", kw_only=True)
    """The mean, the lowest, or the mean minus k times the spread."""
    k: NonNegativeFloat = field(default=1.0, kw_only=True)
    """Weight of the spread in mean_minus_spread."""

    def load(self) -> None:
        """Load every member."""
        for member in self.members:
            member.load()

    def raw(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return [self._combined(results) for results in zip(*(member.score(samples, answers) for member in self.members), strict=True)]

    def _combined(self, results: Sequence[EvaluateResult]) -> EvaluateResult:
        for number, result in enumerate(results, 1):
            if result.outcome is Outcome.SKIPPED:
                return EvaluateResult.skip(f"member {number}: {result.reason}")
            if result.score is None:
                return EvaluateResult.failure(Outcome.ERROR, f"member {number}: {result.error}")
        scores = [result.score for result in results]
        spread, mean = statistics.pstdev(scores), math.fsum(scores) / len(scores)
        combined = {"mean": mean, "worst": min(scores), "mean_minus_spread": mean - self.k * spread}[self.combine]
        metrics = {f"member_{number}": MetricResult(score) for number, score in enumerate(scores, 1)}
        return EvaluateResult(combined, results[0].reason, {**metrics, "spread": MetricResult(spread)}, outcome=results[0].outcome)

    @property
    def traits(self) -> Traits:
        return replace(
            super().traits,
            columns=super().traits.columns.union(*(member.traits.columns for member in self.members)),
            needs_groups=super().traits.needs_groups or any(member.traits.needs_groups for member in self.members),
            holds_model=True,
        )

    def state_dict(self) -> dict[str, Any]:
        """The state of the ensemble's own shaping and of its members'."""
        return {"own": super().state_dict(), "members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state["own"])
        for member, member_state in zip(self.members, state["members"], strict=True):
            member.load_state_dict(member_state)
