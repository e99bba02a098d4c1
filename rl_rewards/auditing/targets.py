"""What is audited: a rubric, or less than one (a reward, a scorer, plain reward functions), as a rubric that reports failures and never stops."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from rl_rewards.functions import reward_function
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.target import load_target, takes_batches
from rl_rewards.scorers.base import Scorer

__all__ = ["as_rubric", "tolerant"]


def as_rubric(target: Any, code: bool = True) -> Rubric:
    """The rubric that `target` is, or is the whole of.

    Args:
        target: a Rubric, a Reward, a scorer, a function, a list of these as TRL's `reward_funcs`, or a name as the command line takes it.
        code: whether a name may run code.

    Raises:
        TypeError: when it is nothing that scores.
        ValueError: for a name that cannot be loaded.
    """
    if isinstance(target, Rubric):
        return target
    if isinstance(target, (str, os.PathLike)):
        return load_target(os.fspath(target), code)
    parts = list(target) if isinstance(target, (list, tuple)) else [target]
    if not parts:
        raise TypeError("a rubric, a reward or a list of reward functions is audited, got an empty list")
    rewards: list[Reward] = []
    for part in parts:
        rewards.append(_as_reward(part, {reward.name for reward in rewards}))
    return Rubric(tuple(rewards))


def _as_reward(part: Any, taken: set[str]) -> Reward:
    if isinstance(part, Reward):
        return part
    if isinstance(part, Scorer):
        return Reward(_free_name(getattr(part, "__name__", type(part).__name__), taken), part)
    if callable(part) and not isinstance(part, type):
        name = getattr(part, "__name__", type(part).__name__)
        return Reward(_free_name(name, taken), reward_function(part, mode="batch" if takes_batches(part) else "pointwise"))
    raise TypeError(f"a rubric, a reward, a scorer, a reward function or a list of these is audited, got {type(part).__name__}: {part!r:.80}")


def _free_name(name: str, taken: set[str]) -> str:
    plain = "".join(char if char.isalnum() or char in "_.-" else "_" for char in name).strip("._-") or "reward"
    number = 2
    found = plain
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    return found


def tolerant(rubric: Rubric) -> Rubric:
    """The same rubric without aggregates, which pay nothing; failures are seen and counted instead of stopping the caller."""
    rewards: Sequence[Reward] = [dataclasses.replace(reward, on_error="skip") for reward in rubric.rewards]
    return dataclasses.replace(rubric, rewards=tuple(rewards), max_error_rate=1.0, warn_after=600.0, unhandled="allow", aggregates=())
