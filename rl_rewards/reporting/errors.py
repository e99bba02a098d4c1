"""What cannot be reported on."""

from __future__ import annotations

from rl_rewards.user_errors import UserError

__all__ = ["ReportError"]


class ReportError(UserError, ValueError):
    """A run that is none, or that a report cannot be made of."""
