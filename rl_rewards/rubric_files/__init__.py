"""Rubric files <-> rubrics."""

from __future__ import annotations

from rl_rewards.rubric_files.errors import Problem, RubricFileError
from rl_rewards.rubric_files.native import load as load_rubric

__all__ = ["Problem", "RubricFileError", "load_rubric"]
