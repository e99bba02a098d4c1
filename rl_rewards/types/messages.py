"""Messages: turns of a conversation. Field names are those of Reward Kit 0.4.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.thinking import REASONING_KEYS, is_reasoning_part

__all__ = ["Message", "text_of", "unreadable_in"]


def text_of(content: Any) -> str:
    """The text in a message's content: a string as it is, the text parts of a multimodal list joined, nothing for None."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, Sequence):
        parts = [part for part in content if isinstance(part, (str, Mapping)) and not is_reasoning_part(part)]
        return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)
    return str(content)


def unreadable_in(message: Mapping[str, Any]) -> tuple[tuple[str | int, ...], str] | None:
    """What no reward could read of a message, which would be scored as if the policy had written nothing: its place, and what must be there.

    None where all is right.
    """
    for name in REASONING_KEYS:
        if (thought := message.get(name)) is not None and not isinstance(thought, (str, list, tuple, Mapping)):
            return (name,), f"{name} must be text, got {type(thought).__name__}"
    content = message.get("content")
    if content is None or content.__class__ is str:
        return None
    if not isinstance(content, (str, list, tuple)):
        return ("content",), f"content must be text, null or a list of parts, got {type(content).__name__}"
    for place, part in enumerate(() if isinstance(content, str) else content):
        if not isinstance(part, (str, Mapping)):
            return ("content", place), f"content must be a list of objects, got {type(part).__name__}"
        if isinstance(part, Mapping) and not isinstance(text := part.get("text"), str | None):
            return ("content", place, "text"), f"text must be text, got {type(text).__name__}"
    return None


class Message:
    """One turn of a conversation, of any role.

    `content` is a string, a list of content parts (text, image, ...) or None; `text` is its text whatever its form. Keys that are not
    fields here (`reasoning_content`, `weight`, ...) are kept in `extra` and never lost.

    Raises:
        ValueError: from `model_validate`, when the role is missing or is not a string.
    """

    __slots__ = ("role", "content", "name", "tool_call_id", "tool_calls", "function_call", "extra")

    def __init__(
        self,
        role: str,
        content: str | list[Any] | None = "",
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: list[Any] | None = None,
        function_call: Any = None,
        **extra: Any,
    ) -> None:
        self.role = role
        self.content = content
        self.name = name
        self.tool_call_id = tool_call_id
        self.tool_calls = tool_calls
        self.function_call = function_call
        self.extra = extra

    @classmethod
    def model_validate(cls, value: Message | Mapping[str, Any]) -> Message:
        """A Message from a Message or from a dict with a `role`."""
        if isinstance(value, Message):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"A message must be a dict or a Message, got {type(value).__name__}: {value!r:.80}")
        role = value.get("role")
        if not isinstance(role, str):
            raise ValueError(f"Role is required: a message needs a string under 'role', got {role!r} in {dict(value)!r:.120}")
        return cls(**value)

    @property
    def text(self) -> str:
        return text_of(self.content)

    def model_dump(self) -> dict[str, Any]:
        known = {name: getattr(self, name) for name in self.__slots__ if name != "extra"}
        return {**known, **self.extra}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Message(role={self.role!r}, content={self.content!r})"
