"""Tests that a data set keeps as text: JSON, Python's `repr`, LiveCodeBench's compressed pickle of a text."""

from __future__ import annotations

import ast
import base64
import binascii
import io
import json
import pickle
import re
import zlib
from functools import lru_cache
from typing import Any

MAX_BYTES = 1 << 30
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")


@lru_cache(maxsize=32)
def from_text(text: str) -> Any:
    """The data that a text holds; text that holds none, such as a test program, is returned as it is.

    Data are shared between calls, so they must not be changed.

    Raises:
        ValueError: for text in LiveCodeBench's encoding that holds no text, or too much.
    """
    start = text.lstrip()[:1]
    if start and start in "[{\"'":
        for read in (json.loads, ast.literal_eval):
            try:
                data = read(text.strip())
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(data, str):
                return from_text(data) if data != text else data
            return data if isinstance(data, (list, tuple, dict)) else text
    if _BASE64.fullmatch(text) and (packed := _unpacked(text)) is not None:
        return from_text(packed)
    return text


def _unpacked(text: str) -> str | None:
    """The text in base64 of zlib of a pickle of a text (or of the text itself); None for what is not base64 of zlib.

    Nothing else is ever unpickled: a pickle that names a class or a function is refused before it gets it.

    Raises:
        ValueError: for a pickle of anything else, or more than MAX_BYTES.
    """
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(base64.b64decode(text), MAX_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return None
    if reader.unconsumed_tail:
        raise ValueError(f"packed tests must be at most {MAX_BYTES >> 20} MiB")
    if not data.startswith(b"\x80"):
        return data.decode("utf-8")
    try:
        held = _TextUnpickler(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError(f"packed tests must be a pickle of a text, got one that cannot be read: {type(error).__name__}: {error}") from None
    if not isinstance(held, (str, bytes)):
        raise ValueError(f"packed tests must be a pickle of a text, got one of a {type(held).__name__}")
    return held if isinstance(held, str) else held.decode("utf-8")


class _TextUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside")
