"""Reads the bodies of requests: not too large, not too slow, not too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from rl_rewards.serving.errors import NoScoreError, RequestError

__all__ = ["Bodies", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class _Clock:
    """Cancels the running task after a while."""

    __slots__ = ("_task", "_is_over", "timer")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task, self._is_over = asyncio.current_task(loop), False
        self.timer = loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self._is_over = self._task is not None and self._task.cancel()

    def is_why(self) -> bool:
        """Whether it alone has cancelled the task, which goes on then."""
        return self._is_over and self._task is not None and self._task.uncancel() == 0


class Bodies:
    """The bodies that are held at a time.

    Args:
        most: bytes of the largest body.
        seconds: how long a body may take to arrive.
        together: bytes of all of them.
    """

    def __init__(self, most: int, seconds: float, together: int) -> None:
        self._most, self._seconds, self._together, self._held = most, seconds, together, 0

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """A body, which counts as held until it is released; None where the caller left before its end.

        Raises:
            ServiceError: 413 when it is too large, 408 when it takes too long, 503 when too much is held already.
        """
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._most:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        more = True
        clock = _Clock(self._seconds)  # asyncio.timeout takes as long as all that is done here
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                chunk = message.get("body", b"")
                if size + len(chunk) > self._most:
                    raise self._too_large()
                if self._held + len(chunk) > self._together:
                    raise NoScoreError(f"bodies of {self._together} bytes are held already", "overloaded", 1)
                chunks.append(chunk)
                size += len(chunk)
                self._held += len(chunk)
                more = message.get("more_body", False)
        except asyncio.CancelledError:
            if clock.is_why():
                raise RequestError(f"the body must arrive within {self._seconds:g} s", "", 408, "too_slow") from None
            raise
        finally:
            clock.timer.cancel()
            if more:
                self._held -= size
        return None if more else b"".join(chunks)

    def release(self, body: bytes) -> None:
        """A body is no longer held."""
        self._held -= len(body)

    def _too_large(self) -> RequestError:
        return RequestError(f"the body must have at most {self._most} bytes", "", 413, "too_large")
