"""TRL's call in trainers that send reward functions to worker processes, as axolotl's `reward_num_workers` does. A file rewards.py that holds

    from rl_rewards.bridges.workers import reward_functions

    globals().update(reward_functions("rubric.yaml"))

A function is pickled as the file's name and its own: a worker reads the rubric once, and its rewards share each batch's evaluation there, too.
"""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path
from typing import Any

from rl_rewards.rubric_files.target import load_target
from rl_rewards.tables.regular_file import file_version
from rl_rewards.trl.functions import RewardFunction
from rl_rewards.trl.functions import reward_functions as functions_of

__all__ = ["FileRewardFunction", "reward_functions"]


class FileRewardFunction(RewardFunction):
    """A reward function that is pickled by its rubric's file and its name."""

    path: str

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _function, (self.path, self.__name__)


def reward_functions(rubric: str | os.PathLike[str]) -> dict[str, FileRewardFunction]:
    """The rewards of a rubric file, or of `module:name`, as TRL's reward functions, by name."""
    target = os.fspath(rubric)
    return dict(_functions(str(Path(target).resolve()) if Path(target).exists() else target))


_one_at_a_time = threading.RLock()  # threads would each load the rubric, and count its failures apart


def _functions(target: str) -> dict[str, FileRewardFunction]:
    with _one_at_a_time:
        return _loaded(target, file_version(target) if os.path.exists(target) else None)


@functools.lru_cache(maxsize=8)
def _loaded(target: str, _version: object) -> dict[str, FileRewardFunction]:
    made: dict[str, FileRewardFunction] = {}
    for function in functions_of(load_target(target)):
        made[function.__name__] = each = FileRewardFunction(function._scoring, function.reward)
        each.path = target
    return made


def _function(target: str, name: str) -> FileRewardFunction:
    return _functions(target)[name]
