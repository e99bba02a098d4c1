"""Metric folders -> a rubric: `name=path ...`, as the command line takes them.

rubric = load_folders(["relevance=./metrics/relevance", "brevity=./metrics/brevity"])
"""

from __future__ import annotations

from rl_rewards.folders.loading import NamedFolder, load_folders, named_folders
from rl_rewards.scorers.metric_folder import FolderError, folder_files, folder_requirements

__all__ = ["FolderError", "NamedFolder", "folder_files", "folder_requirements", "load_folders", "named_folders"]
