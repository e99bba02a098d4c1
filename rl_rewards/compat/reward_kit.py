"""Reward Kit's import names."""

from rl_rewards import EvaluateResult, Message, MetricResult, Sample, reward_function

__all__ = ["EvaluateResult", "Message", "MetricResult", "Sample", "reward_function"]
