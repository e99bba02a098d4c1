"""Two scored files or runs, compared prompt by prompt."""

from __future__ import annotations

from rl_rewards.comparing.comparison import Change, Comparison, Difference, compare
from rl_rewards.comparing.conditions import Condition, condition
from rl_rewards.comparing.sides import CompareError

__all__ = ["Change", "CompareError", "Comparison", "Condition", "Difference", "compare", "condition"]
