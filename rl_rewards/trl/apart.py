"""Rewards and decorated functions that a trainer was given one by one: they are scored as one rubric, so that a row on which one fails is left out."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any

from rl_rewards.functions import FunctionScorer
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.trl.functions import RewardFunction

__all__ = ["reward_function_of"]

_joined: weakref.WeakKeyDictionary[Any, Mapping[int, RewardFunction]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def reward_function_of(function: Reward | FunctionScorer, log_metric: Any) -> RewardFunction:
    """What scores a trainer's batch for one of its functions: of a rubric of all such functions of the trainer, else of a rubric of one.

    Args:
        log_metric: the trainer's, by which it is found; None where the caller passes none.
    """
    trainer = getattr(log_metric, "__self__", None)
    if trainer is None:
        return function._alone
    with _lock:
        if trainer not in _joined:
            _joined[trainer] = _functions_of(trainer)
        return _joined[trainer].get(id(function)) or function._alone


def _functions_of(trainer: Any) -> Mapping[int, RewardFunction]:
    """By object the reward function of each Reward and decorated function of a trainer; none where they are no rubric together."""
    functions = list(getattr(trainer, "reward_funcs", None) or ())
    weights = getattr(getattr(trainer, "args", None), "reward_weights", None) or [1.0] * len(functions)
    apart = [(each, weight) for each, weight in zip(functions, weights) if isinstance(each, (Reward, FunctionScorer))]
    if len(apart) < 2:
        return {}
    rewards = [each if isinstance(each, Reward) else Reward(each.__name__, each, weight=weight) for each, weight in apart]
    if len({reward.name for reward in rewards}) < len(rewards) or any(reward.gate or reward.score.traits.rewards for reward in rewards):
        return {}  # of which the checks of a trainer speak
    return {id(each): made for (each, _), made in zip(apart, Rubric(rewards).reward_funcs, strict=True)}
