"""Tinker cookbook 0.6: environments of one turn whose reward is a rubric. In an RLDataset's `get_batch`

    RubricGroupBuilder(group_scorer("rubric.yaml"), renderer, messages, {"answer": "42"}, size=8)

A group is scored at once when all its completions are there, so that rewards may compare them, and a row without a score gets what `unscorable` says.
Every reward and component is a metric. An environment of one's own takes `step_result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rl_rewards.bridges.plain import group_scorer, row_scorer

if TYPE_CHECKING:
    from rl_rewards.bridges.tinker_envs import RubricEnv, RubricGroupBuilder, step_result

__all__ = ["RubricEnv", "RubricGroupBuilder", "group_scorer", "plain_message", "row_scorer", "step_result"]


def plain_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the cookbook's as ours: its thinking parts are reasoning, its tool calls have OpenAI's form."""
    turn = dict(message)
    content = turn.get("content")
    if isinstance(content, (list, tuple)):
        thoughts = [part["thinking"] for part in content if part.get("type") == "thinking"]
        turn["content"] = "".join(part.get("text", "") for part in content if part.get("type") == "text")
        if thoughts:
            turn["reasoning_content"] = "\n".join(thoughts)
    if calls := turn.get("tool_calls"):
        turn["tool_calls"] = [call if isinstance(call, Mapping) else call.model_dump() for call in calls]
    return turn


def __getattr__(name: str) -> Any:
    if name not in ("RubricEnv", "RubricGroupBuilder", "step_result"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rl_rewards.bridges import tinker_envs  # imports tinker

    return getattr(tinker_envs, name)
