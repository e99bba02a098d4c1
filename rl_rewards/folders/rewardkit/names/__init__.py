"""What `import rewardkit` means in a folder's criteria files: `criterion`, and the criteria themselves."""

from __future__ import annotations

from typing import Any

from rl_rewards.folders.rewardkit import builtin
from rl_rewards.folders.rewardkit.session import criterion, factory

__all__ = ["criterion"]


def __getattr__(name: str) -> Any:
    return factory(name)
