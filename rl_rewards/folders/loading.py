"""`name=path` of metric folders -> a rubric with a reward for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from rl_rewards.folders.rewardkit import is_rewardkit_folder, rewardkit_rewards
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.scorers.metric_folder import FolderError, MetricFolder, folder_files, folder_requirements
from rl_rewards.user_errors import user_message

__all__ = ["NamedFolder", "load_folders", "named_folders"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class NamedFolder(NamedTuple):
    """A metric folder and its metric's name."""

    name: str
    path: Path

    @property
    def files(self) -> list[Path]:
        """What belongs to it, relative to it: modules, package data, requirements.txt."""
        return folder_files(self.path)

    @property
    def requirements(self) -> list[str]:
        """The lines of its requirements.txt."""
        return folder_requirements(self.path)


def named_folders(values: Sequence[str]) -> list[NamedFolder]:
    """The folders that `name=path ...` names, in order; nothing of them is looked at.

    Raises:
        FolderError: when a value is of another form, or two have one name.
    """
    if isinstance(values, str):
        values = [values]
    folders: list[NamedFolder] = []
    for value in values:
        name, equals, path = str(value).partition("=")
        name, path = name.strip(), path.strip()
        if not equals or not name or not path:
            proposed = f"; did you mean {Path(value).name}={value}?" if not equals and value.strip() else ""
            raise FolderError(f"a metric folder must be written name=path, got {value!r}{proposed}")
        if not _NAME.fullmatch(name):
            raise FolderError(f"a metric's name must be of letters, digits, '_', '-' and '.', got {name!r} in {value!r}")
        if name in (folder.name for folder in folders):
            raise FolderError(f"metric folders must have different names, got {name!r} more than once")
        folders.append(NamedFolder(name, Path(path).expanduser()))
    if not folders:
        raise FolderError("at least one metric folder must be named, as name=path")
    return folders


def load_folders(
    values: Sequence[str],
    weights: Mapping[str, float] | None = None,
    *,
    isolate: bool = False,
    timeout: float | None = None,
    memory_mb: int | None = None,
) -> Rubric:
    """A rubric with a reward for each metric folder, named as it is; the folders' own metrics are components of their scores.

    A folder of harbor-rewardkit has a reward for its main score, and metrics (weight 0) called `name.input` for what that is made of.

    Args:
        values: `name=path`, one for each folder.
        weights: name -> weight in the total; 1 for those that it does not name.
        isolate: run the folders' code in worker processes.
        timeout: with isolate, seconds that a sample may take.
        memory_mb: with isolate, MiB that a worker may allocate.

    Raises:
        FolderError: for a value or a folder that cannot be used: no main.py, no `evaluate`, an error at its import, packages that are missing.
    """
    folders, weights = named_folders(values), dict(weights or {})
    names = [folder.name for folder in folders]
    for name in weights:
        if name not in names:
            raise FolderError(f"a weight must be of one of the metric folders {', '.join(names)}, got {name!r}{nearest(name, names)}")
    isolation = {"isolate": isolate, "timeout": timeout, "memory_mb": memory_mb}
    rewards: list[Reward] = []
    for name, path in folders:
        weight = weights.get(name, 1.0)
        if is_rewardkit_folder(path):
            rewards += rewardkit_rewards(name, path, weight, isolation)
        else:
            rewards.append(Reward(name, _scorer(path), weight=weight, **isolation))
    return Rubric(tuple(rewards))


def _scorer(path: Path) -> MetricFolder:
    try:
        return MetricFolder(str(path))
    except ValidationError as error:
        raise FolderError(user_message(error)) from error
