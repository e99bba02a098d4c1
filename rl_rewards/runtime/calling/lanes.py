"""An HTTP transport whose cost does not grow with the number of connections."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

__all__ = ["Lanes"]


class Lanes(httpx.AsyncBaseTransport):
    """A transport for one server that keeps a pool of one connection for each request under way.

    httpcore's own pool looks through all of its connections for each request and again for each reply, each time asking the system whether
    they were closed: with 64 connections that takes several milliseconds, more than all the rest.

    Args:
        base_url: the server, for which the environment may name a proxy (HTTPS_PROXY, NO_PROXY, ...).
        certificates: what its certificate is checked with.
    """

    def __init__(self, base_url: str, certificates: ssl.SSLContext) -> None:
        parts = urlsplit(base_url)
        proxies = {} if proxy_bypass(parts.hostname or "") else getproxies()
        self._proxy = proxies.get(parts.scheme) or proxies.get("all")
        self._certificates = certificates
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._all: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = self._free.pop() if self._free else self._new()
        try:
            reply = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)
            raise
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        reply.stream = _Stream(reply.stream, lane, self._free)
        return reply

    async def aclose(self) -> None:
        for lane in self._all:
            await lane.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=5.0)
        lane = httpx.AsyncHTTPTransport(verify=self._certificates, limits=limits, proxy=self._proxy, trust_env=False)
        self._all.append(lane)
        return lane


class _Stream(httpx.AsyncByteStream):
    """A reply's bytes; when it is closed, its lane is free."""

    def __init__(self, inner: httpx.AsyncByteStream, lane: httpx.AsyncHTTPTransport, free: list[httpx.AsyncHTTPTransport]) -> None:
        self._inner = inner
        self._lane: httpx.AsyncHTTPTransport | None = lane
        self._free = free

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            yield data

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            if self._lane is not None:
                self._free.append(self._lane)
                self._lane = None
