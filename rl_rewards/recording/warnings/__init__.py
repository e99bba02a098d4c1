"""Warnings about a run of reinforcement learning: what goes wrong, from which step on, on what evidence, and what to do.

find_warnings    a RunSeries -> warnings, the earliest first
StepCounter      rows of a record -> a RunSeries, batch by batch
LiveWarnings     the same while the run goes on: each warning once
"""

from rl_rewards.recording.warnings.change import THRESHOLD
from rl_rewards.recording.warnings.completions import COLUMNS
from rl_rewards.recording.warnings.counting import StepCounter
from rl_rewards.recording.warnings.find import find_warnings
from rl_rewards.recording.warnings.live import LiveWarnings
from rl_rewards.recording.warnings.series import RunSeries
from rl_rewards.recording.warnings.shares import variance_shares
from rl_rewards.recording.warnings.warning import REMEDIES, RunWarning

__all__ = ["COLUMNS", "REMEDIES", "THRESHOLD", "LiveWarnings", "RunSeries", "RunWarning", "StepCounter", "find_warnings", "variance_shares"]
