"""Rubric files <-> rubrics: the native form, and what is wrong with a file of any form."""

from __future__ import annotations

from rl_rewards.rubric_files.errors import Problem, RubricFileError

__all__ = ["Problem", "RubricFileError"]
