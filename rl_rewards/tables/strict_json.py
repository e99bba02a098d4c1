"""JSON as its standard has it: no NaN, no Infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

__all__ = ["strict_json"]


def strict_json(value: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """The JSON text of a value: numbers that JSON has not are null, what is no JSON is its text.

    Args:
        ascii_only: whether letters beyond ASCII are escaped, for terminals.
    """
    encode = _encoder(ascii_only, indent)
    try:
        return encode(value)
    except ValueError:  # rare, so that it is looked for only here
        return encode(_finite(value))


@cache
def _encoder(ascii_only: bool, indent: int | None) -> Callable[[Any], str]:
    return json.JSONEncoder(ensure_ascii=ascii_only, indent=indent, default=str, allow_nan=False).encode


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
