"""`metric_folder`: a folder of code with `evaluate` in its main.py, as Reward Kit has them."""

from rl_rewards.scorers.metric_folder.contents import FolderError, folder_files
from rl_rewards.scorers.metric_folder.requirements import folder_requirements
from rl_rewards.scorers.metric_folder.scorer import MetricFolder

__all__ = ["FolderError", "MetricFolder", "folder_files", "folder_requirements"]
