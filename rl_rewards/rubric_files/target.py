"""What a command's RUBRIC argument names: a rubric file, or a Python object."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable
from typing import Any

from rl_rewards.formats.loading import load_rubric
from rl_rewards.loading import LoadError, load_object, no_code
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.function import Function


def load_target(target: str, code: bool = True) -> Rubric:
    """The rubric that a command line names.

    Args:
        code: whether code may be run that the target or the file names, as for `load`.
        target: a rubric file, or `module:name` or `file.py:name` of a Rubric, a Reward, a scorer or a function.

    Raises:
        OSError, RubricFileError: for a file.
        LoadError: for a Python object that is not there, or is none of these.
    """
    if ":" not in target or os.path.exists(target):
        return load_rubric(target, code=code)
    with contextlib.nullcontext() if code else no_code():
        return as_rubric(load_object(target), target)


def takes_batches(function: Callable[..., Any]) -> bool:
    """Whether a plain function takes a batch, as TRL calls it: it names one of TRL's plurals."""
    try:
        return bool({"completions", "prompts"} & inspect.signature(function).parameters.keys())
    except (TypeError, ValueError):  # a callable that does not say what it takes
        return False


def as_rubric(value: Any, target: str) -> Rubric:
    """A rubric of one reward from less than a rubric, named after the object.

    Raises:
        LoadError: when it is nothing that scores.
    """
    if isinstance(value, Rubric):
        return value
    if isinstance(value, Reward):
        return Rubric(rewards=(value,))
    name = target.rpartition(":")[2].rpartition(".")[2]
    if isinstance(value, Scorer):
        return Rubric(rewards=(Reward(name, value),))
    if callable(value) and not isinstance(value, type):
        return Rubric(rewards=(Reward(name, Function(target, mode="batch" if takes_batches(value) else None)),))
    raise LoadError(f"{target!r} is a {type(value).__name__}; allowed: a Rubric, a Reward, a scorer or a function")
