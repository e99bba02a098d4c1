"""Messages of the Tinker cookbook as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["plain_message"]


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
