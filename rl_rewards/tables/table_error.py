"""`TableError`."""

from __future__ import annotations

from rl_rewards.user_errors import UserError

__all__ = ["TableError"]


class TableError(UserError, ValueError):
    """A file that holds no rows that we can read, or cannot be written as wanted."""
