"""Tinker cookbook 0.6: environments of one turn whose reward is a rubric. In an RLDataset's `get_batch`

    RubricGroupBuilder(group_scorer("rubric.yaml"), renderer, messages, {"answer": "42"}, size=8)

A group is scored at once when all its completions are there, so that rewards may compare them, and a row without a score gets what `unscorable` says.
Every reward and component is a metric. An environment of one's own takes `step_result`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.bridges.plain import group_scorer, row_scorer

if TYPE_CHECKING:
    from rl_rewards.bridges.tinker.envs import RubricEnv, RubricGroupBuilder, step_result

__all__ = ["RubricEnv", "RubricGroupBuilder", "group_scorer", "row_scorer", "step_result"]


def __getattr__(name: str) -> Any:
    if name not in ("RubricEnv", "RubricGroupBuilder", "step_result"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rl_rewards.bridges.tinker import envs  # imports tinker

    return getattr(envs, name)
