"""Checks the messages of a request: what a reward reads as text must be text, or a caller's mistake would be scored as the policy's."""

from __future__ import annotations

from typing import Any

from rl_rewards.serving.contracts.json_body import pointer
from rl_rewards.serving.errors import RequestError
from rl_rewards.types.messages import unreadable_in

__all__ = ["check_list", "check_messages", "check_text"]


def check_text(value: Any, what: str, where: str) -> str:
    """Text.

    Raises:
        RequestError: when it is none.
    """
    if not isinstance(value, str):
        raise RequestError(f"{what} must be text, got {type(value).__name__}", where)
    return value


def check_list(value: Any, what: str, where: str) -> list[dict[str, Any]]:
    """A list of objects.

    Raises:
        RequestError: when it is none, with the place of the first item that is no object.
    """
    if not isinstance(value, list):
        raise RequestError(f"{what} must be a list of objects, got {type(value).__name__}", where)
    for place, item in enumerate(value):
        if not isinstance(item, dict):
            raise RequestError(f"{what} must be a list of objects, got {type(item).__name__}", where + pointer(place))
    return value


def check_messages(messages: Any, where: str) -> None:
    """Check messages in Chat Completions' form: content is text, null or a list of parts, and tool_calls a list of objects.

    Raises:
        RequestError: with the place of the first that is not.
    """
    for place, message in enumerate(check_list(messages, "messages", where)):
        if (wrong := unreadable_in(message)) is not None:
            raise RequestError(wrong[1], where + pointer(place, *wrong[0]))
        if (calls := message.get("tool_calls")) is not None:
            check_list(calls, "tool_calls", where + pointer(place, "tool_calls"))
