"""Messages: turns of a conversation. Field names are those of Reward Kit 0.4.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.thinking import (
    is_reasoning_part,
)


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
