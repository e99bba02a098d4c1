"""Reward models as scorers: `reward_model` and `reward_model_ensemble`."""

from rl_rewards.scorers.reward_model.ensemble import RewardModelEnsemble
from rl_rewards.scorers.reward_model.heads import AmbiguousHeadsError
from rl_rewards.scorers.reward_model.rendering import TemplateError
from rl_rewards.scorers.reward_model.scorer import RewardModel
from rl_rewards.scorers.reward_model.shaping import Shaping
from rl_rewards.scorers.reward_model.steps import Steps

__all__ = ["AmbiguousHeadsError", "RewardModel", "RewardModelEnsemble", "Shaping", "Steps", "TemplateError"]
