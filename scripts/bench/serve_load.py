"""A client that costs little: keep-alive connections that wait for one reply each, and loads made of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httptools

__all__ = ["Connection", "Lost", "Rate", "closed_loop", "post", "quantile"]


class Lost(ConnectionError):
    """A connection that ended before its reply did; `received` says how many bytes of the reply there were."""

    def __init__(self, received: int) -> None:
        super().__init__(f"the connection ended after {received} bytes of the reply")
        self.received = received


class Connection(asyncio.Protocol):
    """A connection, for one request at a time."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.ended = False

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; its status and body, or Lost."""
        self.write(request)
        return self.reply()

    def write(self, part: bytes) -> None:
        """Send a part of a request."""
        self.transport.write(part)

    def reply(self) -> asyncio.Future[tuple[int, bytes]]:
        """The reply to what was sent."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._received, self._body, self.headers = 0, [], {}
        self._parser = httptools.HttpResponseParser(self)
        if self.ended:
            self._waiting.set_exception(Lost(0))
        return self._waiting

    def close(self) -> None:
        """Close it, whatever it waits for."""
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._waiting is not None:
            self._received += len(data)
            self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(Lost(self._received))


def post(path: str, body: Any, *headers: str) -> bytes:
    """A request: a POST of JSON (bytes are sent as they are)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@dataclass
class Rate:
    """What a load came to.

    Attributes:
        seconds: of each request.
        elapsed: of all of them.
        processor: seconds of processor time that the server took meanwhile.
    """

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    processor: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.elapsed

    def line(self) -> str:
        """Requests a second, and quantiles of their seconds."""
        p50, p99 = (1000 * quantile(self.seconds, q) for q in (0.5, 0.99))
        cost = 1e6 * self.processor / len(self.seconds)
        return f"{self.per_second:8.0f} requests/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   processor {cost:6.0f} us a request"


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile: the smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def closed_loop(port: int, request: bytes, connections: int, seconds: float, check: Callable[[int, bytes], None]) -> Rate:
    """Every connection sends the request again as soon as it has its reply.

    Args:
        check: raises where a reply (status, body) is not right.
    """
    rate, began = Rate(), time.perf_counter()

    async def one() -> None:
        connection = await Connection.open(port)
        while (sent := time.perf_counter()) < began + seconds:
            status, body = await connection.ask(request)
            rate.seconds.append(time.perf_counter() - sent)
            check(status, body)
        connection.close()

    work: list[Awaitable[None]] = [one() for _ in range(connections)]
    await asyncio.gather(*work)
    rate.elapsed = time.perf_counter() - began
    return rate
