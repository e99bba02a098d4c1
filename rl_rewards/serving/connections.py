"""The connections of the server: none is held open by a caller that sends or reads nothing, and none is needed by another caller.

Uvicorn limits neither how large the head of a request is nor how long it takes to arrive, nor how many connections there are, nor how long an
answer may wait for its reader.
"""

from __future__ import annotations

import asyncio
import resource
import time
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rl_rewards.serving.errors import NoScoreError, RequestError, ServiceError
from rl_rewards.serving.replies import Reply

__all__ = ["Connection"]

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive."""
HEAD_BYTES = 64 << 10
"""The largest head that is read."""
READ_SECONDS = 30.0
"""How long a caller may take nothing of an answer that is sent to it."""
_LAST_LOOK = 0.05
"""How long a connection without a request stays open when the server ends, for one that is on its way."""
_OWN_FILES = 128  # of the process' open files, those that are no connections


class _Whole:
    """A transport that sends the head of an answer with its body: a process that is killed in between would have sent half an answer."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing, self.abort, self.get_write_buffer_size = transport.is_closing, transport.abort, transport.get_write_buffer_size

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body followed."""
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """A connection as uvicorn has it, with limits on what its caller may leave undone."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport: Any = _Whole(transport)  # what answers are written to
        self._head_bytes = 0
        self._in_head = False
        self._since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        self._unread: int | None = None
        self._ends = False
        if len(self.connections) > _MOST:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or not (self._in_head or self._is_idle):
            return
        # Uvicorn's timer of an idle connection ends with any byte that arrives, so that ours has to begin.
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(RequestError(f"the head of a request must have at most {HEAD_BYTES} bytes", None, 431, "too_large"))

    def eof_received(self) -> bool | None:  # pyright: ignore[reportIncompatibleMethodOverride] - of asyncio's, where uvicorn closes at once
        """Answer what a caller has sent whole, though it will send no more: it may still read (RFC 9112, section 9.6)."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body or self._in_head:
            return None
        self.cycle.keep_alive = False  # that of the last request that was sent; the answers before it come first
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._disarm()
        super().on_headers_complete()
        if self._ends or (self.parser is not None and self.parser.should_upgrade()):  # what follows is no HTTP that this parser reads
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        self.transport.flush()
        super().on_response_complete()
        self._since = time.monotonic()
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.transport.get_write_buffer_size()
            self.loop.call_later(READ_SECONDS, self._still_unread)

    def shutdown(self) -> None:
        """End with the answer that is under way; a request that was sent before the server ended, and is not read yet, is still answered."""
        self._ends = True
        if self._is_idle and not self._in_head:
            self.loop.call_later(_LAST_LOOK, lambda: self._is_idle and self.transport.close())
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(RequestError(f"the head of a request must arrive within {HEAD_SECONDS:g} s", None, 408, "too_slow"))
        else:
            self.transport.close()

    def _still_unread(self) -> None:
        left = 0 if self.transport.is_closing() and self.parser is None else self.transport.get_write_buffer_size()
        if left and left == self._unread:
            self.transport.abort()
        elif left:
            self._unread = left
            self.loop.call_later(READ_SECONDS, self._still_unread)
        else:
            self._unread = None

    def _make_room(self) -> None:
        """Close the connection that has waited longest without a request; where all have one, refuse this one."""
        waiting = [other for other in self.connections if other is not self and isinstance(other, Connection) and other._is_idle]
        if waiting:
            oldest = min(waiting, key=lambda other: other._since)
            self.connections.discard(oldest)
            oldest.transport.abort()
        else:
            self._refuse(NoScoreError(f"{_MOST} connections are open already", "overloaded", 1))

    def _refuse(self, error: ServiceError) -> None:
        """Answer before there is a request, and close."""
        cycle = self.cycle
        if not (self._is_idle or (cycle.more_body and not cycle.response_started and not self.pipeline)):  # an answer to another request is under way
            self.transport.close()
            return
        reply = Reply.of_error(error)
        head = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode(),
            b"content-type: application/json",
            b"content-length: %d" % len(reply.body),
        ]
        head += [b"%s: %s" % header for header in reply.headers if header[0] != b"connection"]
        self.transport.write(b"\r\n".join([*head, b"connection: close", b"", reply.body]))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a caller must not fill the log. The request is answered as if it had not asked."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the form of every other error."""
        self._refuse(RequestError(f"the request must be HTTP/1.0 or 1.1: {msg}", None, 400, "invalid_http"))


def _most() -> int:
    """Connections that a process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 4096 if files == resource.RLIM_INFINITY else max(16, min(4096, files - _OWN_FILES))


_MOST = _most()
