"""Reward models behind HTTP: `remote_reward_model`."""

from rl_rewards.scorers.remote_reward_model.scorer import RemoteRewardModel

__all__ = ["RemoteRewardModel"]
