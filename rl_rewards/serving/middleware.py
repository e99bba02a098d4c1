"""Around every request: an id, a key, limits on size, time and number, and a line in the log."""

from __future__ import annotations

import asyncio
import difflib
import itertools
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from rl_rewards.serving.bodies import Bodies, Receive
from rl_rewards.serving.errors import NoScoreError, RequestError, ServiceError
from rl_rewards.serving.replies import Reply, Send
from rl_rewards.serving.security import Keys
from rl_rewards.serving.telemetry import Telemetry

__all__ = ["Gate", "GateLimits", "Route"]

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Route = Callable[[str], tuple[str, Callable[[bytes, Mapping[str, str], dict[str, Any]], Awaitable[Reply]]] | None]
"""A path -> the route's own path and what answers (body, query, fields of the log); None where a POST goes to the application."""

# Open to whoever reaches the server: a load balancer asks for them, and the page holds no data.
_OPEN = frozenset({"/healthz", "/readyz"})
_PAGE = frozenset({"/", "/page.js", "/page.css"})
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_JSON = re.compile(rb"application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_ARGUMENTS = ("rubric", "reward")  # of a query


@dataclass(frozen=True)
class GateLimits:
    """What callers may send.

    Attributes:
        body_bytes: the largest body.
        body_seconds: how long a body may take to arrive.
        concurrency: requests that are answered at once; further ones are refused with 503.
        head_bytes: the largest head of a request: its headers together.
        held_bytes: of all bodies that are held at once; further ones are refused with 503.
    """

    body_bytes: int = 64 << 20
    body_seconds: float = 30.0
    concurrency: int = 1024
    head_bytes: int = 64 << 10
    held_bytes: int = 1 << 30


class Gate:
    """The ASGI application around the routes.

    Args:
        app: the routes.
        keys: who may call.
        limits: what they may send.
        telemetry: what counts and logs.
        paths: the routes' paths, for the metrics; any other is counted as "other".
        route: the routes of POST that are answered here.
    """

    def __init__(self, app: App, keys: Keys, limits: GateLimits, telemetry: Telemetry, paths: frozenset[str], route: Route) -> None:
        self._app, self._keys, self._limits, self._telemetry, self._paths, self._route = app, keys, limits, telemetry, paths, route
        self._bodies = Bodies(limits.body_bytes, limits.body_seconds, limits.held_bytes)
        self._process, self._numbers = uuid.uuid4().hex[:20], itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, headers = time.perf_counter(), dict(scope["headers"])
        given = headers.get(b"x-request-id")
        request_id = given.decode() if given and _ID.fullmatch(given) else f"{self._process}{next(self._numbers):012x}"
        log: dict[str, Any] = {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        answered, answers = path if path in self._paths else "other", _Answers(send, request_id)
        self._telemetry.in_flight += 1
        try:
            self._admit(scope, path, headers)
            if scope["method"] != "POST":
                await self._app(scope, receive, answers)
                answered = getattr(scope.get("route"), "path", answered)
            elif (found := self._route(path)) is None:
                await self._app(scope, _nothing_more, answers)  # a path or a mistake that is none of ours: its body is not read
            else:
                answered, answer = found
                await self._answer(scope, headers, receive, answers, answer, log)
        except ServiceError as error:
            log.setdefault("error", error.code)
            await answers.reply(Reply.of_error(error))
        except asyncio.CancelledError:  # the server ends, and the time to finish what was running is over
            if not answers.status:
                log["error"] = "shutdown"
                await answers.reply(Reply.of_error(NoScoreError("the server ends before this request was answered", "shutdown", 1)))
            raise
        finally:
            self._telemetry.in_flight -= 1
            self._telemetry.answered(answered, answers.status or 499, time.perf_counter() - began, request_id, log)  # 499: the caller left

    def _admit(self, scope: Scope, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Refuse what needs no look at the body.

        Raises:
            ServiceError: 401 without a key, 413 and 431 for what is too large, 415 for what is no JSON, 503 for too many at once.
        """
        limits, method = self._limits, scope["method"]
        if sum(map(len, headers)) + sum(map(len, headers.values())) > limits.head_bytes:
            raise RequestError(f"the headers must have at most {limits.head_bytes} bytes together", None, 431, "too_large")
        if path in _OPEN:
            return
        if not (method == "GET" and path in _PAGE) and not self._keys.allow(headers):
            raise RequestError("a key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY", None, 401, "unauthorized")
        if self._telemetry.in_flight > limits.concurrency:
            raise NoScoreError(f"{limits.concurrency} requests are being answered already", "overloaded", 1)
        if method != "POST":
            return
        if b"upgrade" in headers and b"upgrade" in headers.get(b"connection", b"").lower():  # the parser takes the body for the other protocol's
            raise RequestError("the server speaks HTTP/1.1 alone: leave out the header Upgrade", None, 400, "invalid_upgrade")
        kind, encoding = headers.get(b"content-type"), headers.get(b"content-encoding", b"identity")
        if (
            kind and kind != b"application/json" and not _JSON.fullmatch(kind)
        ):  # a page of another site may send any type but this one without being asked for permission
            raise RequestError(f"content-type must be application/json, got {kind.decode('latin-1'):.80}", "", 415, "invalid_content_type")
        if encoding.lower() != b"identity":
            raise RequestError(f"content-encoding must be identity, got {encoding.decode('latin-1'):.80}", "", 415, "invalid_content_encoding")

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, answers: _Answers, answer: Any, log: dict[str, Any]
    ) -> None:
        if (body := await self._bodies.read(headers, receive)) is None:
            return  # the caller left
        try:
            reply = await answer(body, _query(scope["query_string"]), log)
        finally:
            self._bodies.release(body)
        await answers.reply(reply)


class _Answers:
    """What is sent as the answer to one request: ASGI's messages with the request's id, and the status that they say."""

    __slots__ = ("_send", "_id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._id, self.status = send, (b"x-request-id", request_id.encode()), 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._id]
        await self._send(message)

    async def reply(self, reply: Reply) -> None:
        self.status = reply.status
        await reply.send(self._send, self._id)


def _query(raw: bytes) -> dict[str, str]:
    """The query's arguments.

    Raises:
        RequestError: when one is given twice: the caller and a gateway may mean different ones. Or when one is nearly `rubric` or `reward`, since what
            comes back without it is another score; those of others, such as a gateway's, are nobody's business here.
    """
    if not raw:
        return {}
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise RequestError("the query must have each argument once", None, 400, "invalid_query")
    for name in query.keys() - set(_ARGUMENTS):
        if near := difflib.get_close_matches(name.lower(), _ARGUMENTS, n=1, cutoff=0.7):
            raise RequestError(f"the query has no argument {name!r:.80}; did you mean {near[0]!r}?", None, 400, "invalid_query")
    return query


async def _nothing_more() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
