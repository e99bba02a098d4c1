"""Files <-> rubrics."""

from __future__ import annotations

from rl_rewards.formats.native import load as load_rubric
from rl_rewards.formats.problems import Problem, RubricFileError

__all__ = ["Problem", "RubricFileError", "load_rubric"]
