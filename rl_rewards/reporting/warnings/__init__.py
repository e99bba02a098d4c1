"""Warnings of a run: what goes wrong, and the step where it begins."""

from rl_rewards.reporting.warnings.warning import RunWarning, find_warnings

__all__ = ["RunWarning", "find_warnings"]
