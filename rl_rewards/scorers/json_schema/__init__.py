"""Answers that must be valid under a JSON schema."""

from rl_rewards.scorers.json_schema.scorer import JsonSchema

__all__ = ["JsonSchema"]
