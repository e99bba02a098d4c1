"""Reward Kit's integrations that are here: TRL's."""

from __future__ import annotations

from rl_rewards.compat.reward_kit.integrations.trl import create_trl_adapter

__all__ = ["create_trl_adapter"]
