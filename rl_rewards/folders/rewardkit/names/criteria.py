"""What `from rewardkit import criteria` means in a folder's criteria files."""

from __future__ import annotations

from typing import Any

from rl_rewards.folders.rewardkit import builtin, commands  # noqa: F401 - they register the criteria
from rl_rewards.folders.rewardkit.session import factory

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    return factory(name)
