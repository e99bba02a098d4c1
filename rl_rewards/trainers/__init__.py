"""PPO on TRL: `PPOTrainer` is GRPOTrainer with a critic."""

from rl_rewards.trainers.ppo import PPOTrainer
from rl_rewards.trainers.ppo_config import PPOConfig

__all__ = ["PPOConfig", "PPOTrainer"]
