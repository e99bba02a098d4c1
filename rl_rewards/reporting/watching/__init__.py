"""The report of a run that goes on, served to a browser on this machine."""

from rl_rewards.reporting.watching.server import watch
from rl_rewards.reporting.watching.watched import WatchedRun

__all__ = ["WatchedRun", "watch"]
