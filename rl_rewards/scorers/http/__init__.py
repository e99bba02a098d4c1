"""`http`: a score from a service of the user's own."""

from __future__ import annotations

from rl_rewards.scorers.http.scorer import Http

__all__ = ["Http"]
