"""Folders of harbor-rewardkit 0.2.3 (`reward.toml`, criteria in Python files, judge files) -> rewards of a rubric."""

from rl_rewards.folders.rewardkit.discovery import is_rewardkit_folder
from rl_rewards.folders.rewardkit.rewards import rewardkit_rewards

__all__ = ["is_rewardkit_folder", "rewardkit_rewards"]
