"""What is wrong with how a trainer was given a rubric."""

from __future__ import annotations

from rl_rewards.user_errors import UserError

__all__ = ["BridgeError"]


class BridgeError(UserError, ValueError):
    """A rubric, an option or a row that a trainer's bridge cannot use."""
