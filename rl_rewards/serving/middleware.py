"""Around every request: an id, a key, limits on size, time and number, and a line in the log."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from rl_rewards.serving.errors import NoScoreError, RequestError, ServiceError
from rl_rewards.serving.security import Keys
from rl_rewards.serving.telemetry import Telemetry
from rl_rewards.tables.strict_json import strict_json

__all__ = ["Gate", "GateLimits", "answer_bytes"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Open to whoever reaches the server: a load balancer asks for them, and the page holds no data.
_OPEN = frozenset({"/healthz", "/readyz"})
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class GateLimits:
    """What callers may send.

    Attributes:
        body_bytes: the largest body.
        body_seconds: how long a body may take to arrive.
        concurrency: requests that are answered at once; further ones are refused with 503.
    """

    body_bytes: int = 64 << 20
    body_seconds: float = 30.0
    concurrency: int = 1024


class Gate:
    """The ASGI application around the routes.

    Args:
        app: the routes.
        keys: who may call.
        limits: what they may send.
        telemetry: what counts and logs.
        paths: the routes' paths, for the metrics; any other is counted as "other".
    """

    def __init__(self, app: App, keys: Keys, limits: GateLimits, telemetry: Telemetry, paths: frozenset[str]) -> None:
        self._app, self._keys, self._limits, self._telemetry, self._paths = app, keys, limits, telemetry, paths
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, headers = time.perf_counter(), dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["log"] = fields = {}
        status = 0

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        self._in_flight += 1
        self._telemetry.in_flight.inc()
        try:
            await self._admitted(scope, headers, receive, sending)
        finally:
            self._in_flight -= 1
            self._telemetry.in_flight.dec()
            path = scope["path"] if scope["path"] in self._paths else getattr(scope.get("route"), "path", "other")
            self._telemetry.answered(path, status or 499, time.perf_counter() - began, request_id, fields)  # 499: the caller left

    async def _admitted(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        try:
            is_page = scope["method"] == "GET" and scope["path"] in ("/", "/page.js", "/page.css")
            if not is_page and scope["path"] not in _OPEN and not self._keys.allow(headers):
                raise RequestError("a key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY", None, 401, "unauthorized")
            if self._in_flight > self._limits.concurrency and scope["path"] not in _OPEN:
                raise NoScoreError(f"{self._limits.concurrency} requests are being answered already", "overloaded", 1)
            body = await self._body(headers, receive) if scope["method"] == "POST" else b""
        except ServiceError as error:
            await _answer(error, send)
            return
        if body is None:
            return  # the caller left
        given = False

        async def receiving() -> MutableMapping[str, Any]:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receiving, send)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The body, whole; None where the caller left before its end.

        Raises:
            RequestError: 413 when it is too large, 408 when it takes too long.
        """
        most = self._limits.body_bytes
        too_large = RequestError(f"the body must have at most {most} bytes", "", 413, "too_large")
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > most:
            raise too_large
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > most:
                        raise too_large
                    if not message.get("more_body"):
                        return b"".join(chunks)
        except TimeoutError:
            raise RequestError(f"the body must arrive within {self._limits.body_seconds:g} s", "", 408, "too_slow") from None


def answer_bytes(value: Any) -> bytes:
    """A reply's JSON: standard JSON, whatever the numbers."""
    return strict_json(value).encode("utf-8", "replace")


async def _answer(error: ServiceError, send: Send) -> None:
    body = answer_bytes(error.body())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if error.status in (408, 413):  # what is left of the body is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
