"""verl 0.9: a custom reward function, and a reward manager that also sees prompts, token ids and groups.

    reward.custom_reward_function.path=pkg://rl_rewards.bridges.verl reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.rubric=rubric.yaml

verl takes the names of what it logs from a batch's first row, so that every row has the same ones: `rewards/NAME` for every reward, None where it has no
score, and all components in one JSON text; `components` names those that get a column of their own. `hooks` makes curves of them, in training, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.bridges.verl.function import CALLER, compute_score

if TYPE_CHECKING:
    from rl_rewards.bridges.verl.manager import RubricRewardManager

__all__ = ["CALLER", "RubricRewardManager", "compute_score"]


def __getattr__(name: str) -> Any:
    if name != "RubricRewardManager":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rl_rewards.bridges.verl.manager import RubricRewardManager  # imports verl

    return RubricRewardManager
