"""Frames: how bytes travel between the caller's process and a worker, over a Unix stream socket.

A frame is a header and a payload. The header, big-endian, is the payload's length (4 bytes), what the frame is (1), the worker's process id
(4), the index of the item in its job (4) and the nonce under which the chunk was sent (8). The caller takes no frame but the one that it
expects next.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum

_HEADER = struct.Struct("!IBIIQ")
LARGEST_ANSWER = 64 << 20
"""Bytes of the largest payload that is taken from a worker."""


class Kind(IntEnum):
    """What a frame says."""

    CHUNK = 1
    """To the worker: the pickled call, the items' indices and the pickled items. Process id and index are 0."""
    READY = 2
    """From the worker, once, before it runs any code of a user: its process id, with the worker's number in place of an index."""
    LOADING = 3
    """From the worker: it loads the chunk's call, which it does not have yet."""
    STARTED = 4
    """From the worker: the call is loaded, the first item starts now."""
    VALUE = 5
    """From the worker: the pickled result of the item."""
    RAISED = 6
    """From the worker: what the item raised, as text."""
    OUT_OF_MEMORY = 7
    """From the worker: the item hit the memory limit; the worker exits after this."""
    RETIRING = 8
    """From the worker: do not send another chunk; it exits after this item's result, the last of the chunk."""
    UNLOADABLE = 9
    """From the worker: the call could not be loaded, with the reason as text; no item was started."""


_KINDS = {int(kind): kind for kind in Kind}


class FrameError(Exception):
    """A worker sent what is no frame, or not the frame that it had to send next."""


def frame(kind: Kind, process: int, item: int, nonce: int, payload: bytes = b"") -> bytes:
    """One frame as bytes. Raises `struct.error` for a payload of 4 GiB or more."""
    return _HEADER.pack(len(payload), kind, process, item, nonce) + payload


class FrameReader:
    """Turns bytes received from a worker, cut anywhere, into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, int, int, int, bytes]]:
        """The frames that `data` completes, in order: kind, process id, item, nonce and payload.

        Raises:
            FrameError: for an unknown kind, or a payload of more than `LARGEST_ANSWER` bytes, as soon as the header is there.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEADER.size:
            length, number, process, item, nonce = _HEADER.unpack_from(buffer, start)
            kind = _KINDS.get(number)
            if kind is None or length > LARGEST_ANSWER:
                raise FrameError(f"bytes that are no frame: {bytes(buffer[start : start + _HEADER.size])!r}")
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            payload = bytes(buffer[start + _HEADER.size : end])
            start = end
            yield kind, process, item, nonce, payload
        del buffer[:start]


def read_chunk(connection: socket.socket) -> tuple[bytes, int] | None:
    """The payload and nonce of the next chunk on a worker's blocking socket, or None when the caller has closed it."""
    header = _read_exactly(connection, _HEADER.size)
    if header is None:
        return None
    length, kind, _, _, nonce = _HEADER.unpack(header)
    if kind != Kind.CHUNK:
        raise FrameError(f"a worker is sent chunks alone, got a frame of kind {kind}")
    payload = _read_exactly(connection, length)
    return None if payload is None else (payload, nonce)


def _read_exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        received = connection.recv_into(view[filled:])
        if not received:
            return None
        filled += received
    return bytes(data)
