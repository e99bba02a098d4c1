"""Warnings of a run: what goes wrong, and the step where it begins. Found by `rl_rewards.recording.warnings`, while the run goes on, too."""

from rl_rewards.recording.warnings import RunWarning
from rl_rewards.reporting.warnings.of_run import find_warnings

__all__ = ["RunWarning", "find_warnings"]
