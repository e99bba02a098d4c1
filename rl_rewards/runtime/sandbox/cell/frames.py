"""Frames: length, then that many bytes of JSON, on a file descriptor."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

MAX_BYTES = 64 << 20
MODERATE = 1 << 20
LARGEST = (1 << 32) - 1  # what the length field can say, for frames from whoever is trusted


class Closed(ConnectionError):
    """The other end is gone, or sends what is no frame."""


def write(descriptor: int, message: Any) -> None:
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    view = memoryview(struct.pack("!I", len(data)) + data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise Closed(str(error)) from None


def read(descriptor: int, most: int = MAX_BYTES) -> Any:
    """The next frame's content; `most` is how many bytes it may have."""
    return read_rest(descriptor, _read_exactly(descriptor, 4), most)


def read_rest(descriptor: int, head: bytes | bytearray, most: int = MAX_BYTES) -> Any:
    """As `read`, where the first four bytes have been read."""
    (length,) = struct.unpack("!I", head)
    if length > most:
        raise Closed(f"a frame of {length} bytes; allowed are {most}")
    try:
        return json.loads(_read_exactly(descriptor, length))
    except (ValueError, RecursionError) as error:
        raise Closed(f"not a frame: {error}") from None


def _read_exactly(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        try:
            part = os.read(descriptor, min(length, 1 << 20))
        except OSError as error:
            raise Closed(str(error)) from None
        if not part:
            raise Closed("the other end is gone")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
