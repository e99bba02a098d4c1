"""Formulas over the scores of a rubric's other rewards."""

from rl_rewards.scorers.formula.expression import Expression, FormulaError, expression
from rl_rewards.scorers.formula.scorer import Formula

__all__ = ["Expression", "Formula", "FormulaError", "expression"]
