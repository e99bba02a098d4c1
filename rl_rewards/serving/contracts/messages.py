"""Checks the messages of a request: what a reward reads as text must be text, or a caller's mistake would be scored as the policy's."""

from __future__ import annotations

from typing import Any

from rl_rewards.serving.contracts.json_body import pointer
from rl_rewards.serving.errors import RequestError

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
        content, calls = message.get("content"), message.get("tool_calls")
        if calls is None and (content is None or isinstance(content, str)):  # nearly all
            continue
        at = where + pointer(place)
        if content is not None and not isinstance(content, str):
            if not isinstance(content, list):
                raise RequestError(f"content must be text, null or a list of parts, got {type(content).__name__}", at + "/content")
            for part, item in enumerate(check_list(content, "content", at + "/content")):
                check_text(item.get("text", ""), "text", at + pointer("content", part, "text"))
        if calls is not None:
            check_list(calls, "tool_calls", at + "/tool_calls")
