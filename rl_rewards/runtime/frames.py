"""Frames: how bytes travel between the caller's process and a worker, over a Unix stream socket.

A frame is a 4-byte big-endian length, one byte that says what it is, and the payload.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum

_HEADER = struct.Struct("!IB")


class Kind(IntEnum):
    """What a frame says."""

    CHUNK = 1
    """To the worker: the pickled call and its pickled items."""
    STARTED = 2
    """From the worker: the call is loaded, the first item starts now."""
    VALUE = 3
    """From the worker: the pickled result of the current item."""
    RAISED = 4
    """From the worker: what the current item raised, as text."""
    OUT_OF_MEMORY = 5
    """From the worker: the current item hit the memory limit; the worker is gone after this."""
    RETIRING = 6
    """From the worker: do not send another chunk; it is gone after this one's last result."""
    UNLOADABLE = 7
    """From the worker: the call could not be loaded, with the reason as text; no item was started."""


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """One frame as bytes. Raises `struct.error` for a payload of 4 GiB or more."""
    return _HEADER.pack(len(payload), kind) + payload


class FrameReader:
    """Turns received bytes, cut anywhere, into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that `data` completes, in order."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEADER.size:
            length, kind = _HEADER.unpack_from(buffer, start)
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            payload = bytes(buffer[start + _HEADER.size : end])
            start = end
            yield Kind(kind), payload
        del buffer[:start]


def read_frame(connection: socket.socket) -> tuple[Kind, bytes] | None:
    """The next frame of a blocking socket, or None when the other side has closed it."""
    header = _read_exactly(connection, _HEADER.size)
    if header is None:
        return None
    length, kind = _HEADER.unpack(header)
    payload = _read_exactly(connection, length)
    return None if payload is None else (Kind(kind), payload)


def _read_exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        received = connection.recv_into(view[filled:])
        if not received:
            return None
        filled += received
    return bytes(data)
