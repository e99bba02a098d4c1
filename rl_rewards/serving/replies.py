"""A reply, before it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from rl_rewards.serving.errors import ServiceError
from rl_rewards.tables.strict_json import strict_json

__all__ = ["Reply", "Send"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON reply."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> Reply:
        """A value's standard JSON, whatever the numbers."""
        try:
            body = to_json(value, inf_nan_mode="null", fallback=str)  # takes a fifth of the standard library's time
        except (ValueError, UnicodeError):  # half a surrogate pair, or what only the standard library writes
            body = strict_json(value).encode("utf-8", "replace")
        return cls(body, status)

    @classmethod
    def of_error(cls, error: ServiceError) -> Reply:
        """What is sent for an error: its reason, Retry-After, and the end of the connection where the rest of the body is not read."""
        headers: list[tuple[bytes, bytes]] = []
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        if error.status in (408, 413):
            headers.append((b"connection", b"close"))
        return cls(cls.of_json(error.body()).body, error.status, tuple(headers))

    async def send(self, send: Send, *more: tuple[bytes, bytes]) -> None:
        """Send it by ASGI, with further headers."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self.body)).encode()), *self.headers, *more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
