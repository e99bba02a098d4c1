"""A score computed from the scores of the rubric's other rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.formula.expression import Expression, expression
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["Formula"]


@configured
class Formula(Scorer):
    """Scores what a formula makes of the scores of other rewards of the rubric, by their names: `0.5 * correct + 0.5 * min(style, 1)`.

    It has + - * / ^ (the power), parentheses, numbers, and the functions min, max, abs, floor, ceil, exp, sqrt and log (the natural one).
    The scores are those after the other rewards' own clip and gate, without their weights; give a reward weight 0 where only the formula
    is to be trained on. Where one of them failed the formula has failed, whatever number their `on_error` puts in; where one does not
    apply, neither does the formula. A value that is no finite number, such as a division by zero, is an error and never a score.

    Raises:
        ValueError: when the text is no formula, or names no reward; the message marks the place.
    """

    formula: str
    """The formula; names in it are names of rewards, with letters, digits, '_' and '.'."""

    def __post_init__(self) -> None:
        if not self._expression.names:
            raise ValueError(f"a formula must name at least one reward, got {self.formula!r}")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @cached_property
    def _expression(self) -> Expression:
        return expression(self.formula)

    @property
    def traits(self) -> Traits:
        return Traits(rewards=self._expression.names, reads_answer=False)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        raise TypeError(f"the formula {self.formula!r} needs the scores of {sorted(self._expression.names)}: put it into a rubric with them")

    def combine(self, scores: Mapping[str, float]) -> EvaluateResult:
        try:
            return EvaluateResult(self._expression.value(scores))
        except ArithmeticError as error:
            given = ", ".join(f"{name} = {scores[name]:g}" for name in sorted(self._expression.names))
            return EvaluateResult.failure(Outcome.ERROR, f"the formula {self.formula!r} has no value where {given}: {error}")
