"""TRL's call <-> samples and evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.trl.checks import check_run, check_trainer
from rl_rewards.trl.functions import RewardFunction, TotalRewardFunction, reward_functions, total_reward_function

if TYPE_CHECKING:
    from rl_rewards.trl.callback import RecordingCallback
    from rl_rewards.trl.positions import use_generation_positions

__all__ = [
    "RecordingCallback",
    "RewardFunction",
    "TotalRewardFunction",
    "check_run",
    "check_trainer",
    "reward_functions",
    "total_reward_function",
    "use_generation_positions",
]


def __getattr__(name: str) -> Any:
    if name == "RecordingCallback":  # imports transformers, which a reward function alone can do without
        from rl_rewards.trl.callback import RecordingCallback

        return RecordingCallback
    if name == "use_generation_positions":  # imports torch
        from rl_rewards.trl.positions import use_generation_positions

        return use_generation_positions
    raise AttributeError(f"module 'rl_rewards.trl' has no attribute {name!r}")
