"""Plain data: the values that may cross between a model's program and anyone else, as a tree that JSON can hold.

None, bool, int, float, str and list stand for themselves; everything else is an object of one key that names its type. A tree, not the
value, is what the caller's process handles: making a dict or a set of a model's data would hand it the hash table to attack.
"""

from __future__ import annotations

import decimal
import fractions
import re
from collections.abc import Callable
from typing import Any

SAFE_INT = 1 << 53
MAX_DEPTH = 100
Tree = Any


class NotPlain(TypeError):
    """A value that is not plain data."""


def encode(value: Any, other: Callable[[Any], Tree] | None = None) -> Tree:
    """The tree of `value`; `other` makes the tree of what is not plain data.

    Raises:
        NotPlain: for what is not plain data, when there is no `other`.
    """
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -SAFE_INT < value < SAFE_INT else {"int": hex(value)}
    if kind is list:
        return [encode(item, other) for item in value]
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [encode(item, other) for item in value]}
    if kind is dict:
        return {"dict": [[encode(key, other), encode(item, other)] for key, item in value.items()]}
    if kind in (bytes, bytearray):
        return {kind.__name__: value.decode("latin-1")}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind is decimal.Decimal:
        return {"decimal": str(value)}
    if kind is fractions.Fraction:
        return {"fraction": str(value)}
    return _encode_like(value, kind, other)


def _encode_like(value: Any, kind: type, other: Callable[[Any], Tree] | None) -> Tree:
    """Values that behave as plain ones: subclasses of them, and NumPy's."""
    for plain, exact in _EXACT.items():
        if isinstance(value, plain):
            return encode(exact(value), other)
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        return encode(value.tolist(), other)
    if other is None:
        raise NotPlain(f"{kind.__name__} is not plain data")
    return other(value)


_EXACT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__, float: float.__float__, str: str.__str__, bytes: bytes.__bytes__,
    list: list, tuple: tuple, set: set, frozenset: frozenset, dict: dict,
}  # fmt: skip
_MAKE: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "bytes": lambda text: text.encode("latin-1"),
    "bytearray": lambda text: bytearray(text.encode("latin-1")),
    "complex": lambda parts: complex(*parts),
    "decimal": decimal.Decimal,
    "fraction": fractions.Fraction,
}
_HEX = re.compile(r"-?0x[0-9a-f]+")
_COLLECT: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def decode(tree: Tree, other: Callable[[str, Any], Any] | None = None) -> Any:
    """The value of a tree; `other(type name, content)` makes the value of what is not plain data.

    Raises:
        NotPlain: for a tree of an unknown type, when there is no `other`.
    """
    if isinstance(tree, list):
        return [decode(item, other) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "dict":
        return {decode(key, other): decode(item, other) for key, item in content}
    if kind in _COLLECT:
        return _COLLECT[kind](decode(item, other) for item in content)
    if kind in _MAKE:
        return _MAKE[kind](content)
    if other is None:
        raise NotPlain(f"unknown type {kind!r}")
    return other(kind, content)


def check(tree: Tree) -> Tree:
    """`tree` itself, if it is one that `encode` could have made, except that its texts are anyone's.

    Raises:
        NotPlain: when it is not, or is nested deeper than MAX_DEPTH.
    """
    level = [tree]
    for _ in range(MAX_DEPTH):
        inner: list[Tree] = []
        for part in level:
            if isinstance(part, list):
                inner += part
            elif isinstance(part, dict):
                inner += _parts(part)
        if not inner:
            return tree
        level = inner
    raise NotPlain(f"nested deeper than {MAX_DEPTH}")


def _parts(part: dict[str, Tree]) -> list[Tree]:
    if len(part) != 1:
        raise NotPlain(f"an object of {len(part)} keys")
    ((kind, content),) = part.items()
    if kind in _COLLECT and isinstance(content, list):
        return content
    if kind == "dict" and isinstance(content, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in content):
        return [side for pair in content for side in pair]
    if kind == "int" and isinstance(content, str) and _HEX.fullmatch(content):
        return []
    if kind == "complex" and isinstance(content, list) and [type(number) for number in content] == [float, float]:
        return []
    if kind in ("bytes", "bytearray", "decimal", "fraction", "object") and isinstance(content, str):
        return []
    raise NotPlain(f"no plain data: {kind!r:.40}")
