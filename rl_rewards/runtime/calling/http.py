"""JSON over HTTP: one request, with retries and limits."""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx

from rl_rewards.redaction import Secret, logger_for
from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.errors import CallError, RetryableError
from rl_rewards.runtime.calling.lanes import Lanes
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.pace import Pace
from rl_rewards.runtime.calling.replies import ACCEPTED_ENCODINGS, excerpt, read_json, read_text
from rl_rewards.runtime.calling.retries import with_retries
from rl_rewards.types import Outcome, describe

__all__ = ["BoundedClient", "http_client", "post_json", "request_json", "retry_after"]

for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    logger_for(_name)  # they log reason phrases and headers of replies, in which a server may echo a key

_OF_THE_INPUT = (400, 413, 422)  # refusals that another input might not meet
_NOT_BEGUN = (429, 503)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")  # what the sender said of bytes that are decoded here
_LONGEST_FAILURE = 64 << 10  # bytes of a refusal that are read


def http_client(base_url: str, key: Secret | None = None) -> httpx.AsyncClient:
    """A client of one server, which sends the key as a bearer token, follows no redirects and sets no deadline of its own."""
    headers = {"accept-encoding": ACCEPTED_ENCODINGS} | ({} if key is None else {"authorization": f"Bearer {key.reveal()}"})
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=None, transport=Lanes(base_url, _certificates()))


class BoundedClient(httpx.AsyncClient):
    """A client for libraries that read all of a reply: it gives them replies of bounded size, decompressed and read to their end.

    Raises:
        CallError: from `send`, for a reply that is larger, or damaged.
    """

    def __init__(self, base_url: str, reply_bytes: int) -> None:
        super().__init__(timeout=None, transport=Lanes(base_url, _certificates()))
        self._reply_bytes = reply_bytes

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        request.headers["accept-encoding"] = ACCEPTED_ENCODINGS
        reply = await super().send(request, **{**options, "stream": True})
        try:
            content = (await read_text(reply, self._reply_bytes)).encode()
        finally:
            await reply.aclose()
        headers = {name: value for name, value in reply.headers.items() if name not in _OF_THE_WIRE}
        return httpx.Response(reply.status_code, headers=headers, content=content, request=request)


async def post_json(
    client: httpx.AsyncClient,
    path: str,
    body: Mapping[str, Any],
    limits: CallLimits,
    breaker: CircuitBreaker | None = None,
    pace: Pace | None = None,
    repeatable: bool = True,
) -> Any:
    """The JSON that a server replies to a POST; see `request_json`."""
    return await request_json(client, "POST", path, body, limits, breaker, pace, repeatable)


async def request_json(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    limits: CallLimits,
    breaker: CircuitBreaker | None = None,
    pace: Pace | None = None,
    repeatable: bool = True,
) -> Any:
    """The JSON that a server replies; None where it replies nothing.

    Tried again: 5xx, 429, and connections that fail or break. Not tried again: other refusals, and an attempt that ran out of time.

    Args:
        repeatable: whether the server may be asked the same twice. If not, tried again is only what it cannot have begun: 429, 503, and
            connections that were not made.

    Raises:
        CallError: when there is no such reply; its text holds no secret, whatever the server echoes.
    """
    content = None if body is None else json.dumps(body, default=str).encode()
    headers = {} if body is None else {"content-type": "application/json"}

    async def attempt() -> Any:
        try:
            async with client.stream(method, path, content=content, headers=headers) as reply:
                if reply.is_success:
                    text = await read_text(reply, limits.reply_bytes)
                    return read_json(text) if text or method == "POST" else None
                failure = f"HTTP {reply.status_code}: {await _failure_text(reply)}"
        except (httpx.TransportError, OSError, ExceptionGroup) as error:
            if not repeatable and not isinstance(error, _NOT_SENT):
                raise CallError(
                    Outcome.ERROR, f"{path}: {describe(error)}; not tried again, since it may have been scored", server_down=True
                ) from None
            raise RetryableError(describe(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise CallError(Outcome.ERROR, f"{path} cannot be called: {describe(error)}") from None
        if reply.status_code in _NOT_BEGUN or (reply.status_code >= 500 and repeatable):
            raise RetryableError(failure, retry_after(reply.headers.get("retry-after", "")), reply.status_code == 429, reply.status_code)
        if reply.is_redirect:
            failure += f"; redirects are not followed, this one leads to {reply.headers.get('location', '')!r:.200}"
        down, of_the_input = reply.status_code >= 500, reply.status_code in _OF_THE_INPUT
        raise CallError(Outcome.ERROR, f"{path} refused the request with {failure}", of_the_input, down, reply.status_code)

    return await with_retries(attempt, limits, str(client.base_url), breaker, pace)


def retry_after(value: str) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or a date; None where it has neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:18])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


async def _failure_text(reply: httpx.Response) -> str:
    try:
        return excerpt(await read_text(reply, _LONGEST_FAILURE))
    except CallError as error:
        return f"({error})"


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Made once: reading the certificates takes tens of milliseconds, and a client is made for every batch."""
    return ssl.create_default_context()
