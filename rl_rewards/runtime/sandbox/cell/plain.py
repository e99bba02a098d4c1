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
MAX_DEPTH = 100_000
NESTED = 200  # levels that may be nested as JSON, whose readers recurse; what is deeper goes in a row, see `in_a_row`
Tree = Any


class NotPlain(TypeError):
    """A value that is not plain data."""


def encode(value: Any, other: Callable[[Any], Tree] | None = None) -> Tree:
    """The tree of `value`; `other` makes the tree of what is not exactly plain data (`like` by default).

    Raises:
        NotPlain: for what is neither plain data nor behaves like it, when there is no `other`.
        RecursionError: for values nested deeper than Python recurses.
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
    return leaf(value) or (like(value) if other is None else other(value))


def tree_of(value: Any) -> Tree:
    """The tree of `value`, however deeply it is nested.

    Raises:
        NotPlain: for what is not plain data.
    """
    try:
        return encode(value)
    except RecursionError:
        return check(in_a_row(value))


def leaf(value: Any) -> Tree | None:
    """The tree of bytes and of the numbers that JSON lacks; None for other values."""
    kind = type(value)
    if kind in (bytes, bytearray):
        return {kind.__name__: value.decode("latin-1")}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind is decimal.Decimal:
        return {"decimal": str(value)}
    if kind is fractions.Fraction:
        return {"fraction": str(value)}
    return None


def like(value: Any, other: Callable[[Any], Tree] | None = None) -> Tree:
    """The tree of a value that behaves as plain data does: of a subclass, or one of NumPy's.

    Raises:
        NotPlain: when it does not.
    """
    return encode(exactly(value), other)


def exactly(value: Any) -> Any:
    """The plain value that another behaves like: the int of an IntEnum's member, the tuple of a namedtuple, the list of an array.

    Raises:
        NotPlain: when there is none.
    """
    for plain, exact in _EXACT.items():
        if isinstance(value, plain):
            return exact(value)
    kind = type(value)
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    raise NotPlain(f"{kind.__name__} is not plain data")


def in_a_row(value: Any) -> Tree:
    """The tree of a value nested however deeply: {"row": its parts, innermost first}, a container as the pair of its kind and its length.

    Raises:
        RecursionError: for what is nested deeper than MAX_DEPTH, such as a list that holds itself.
    """
    row: list[Tree] = []
    stack: list[Any] = [value]
    depth = 0
    while stack:
        item = stack.pop()
        if type(item) is _End:
            row.append([item.kind, item.length])
            depth -= 1
            continue
        kind = type(item)
        if kind is dict:
            parts: list[Any] = [side for pair in item.items() for side in pair]
        elif kind in (list, tuple, set, frozenset):
            parts = list(item)
        else:
            if (number_or_text := _scalar(item)) is _MISSING:
                try:
                    stack.append(exactly(item))
                except NotPlain:
                    row.append(["leaf", {"object": kind.__name__}])
            else:
                row.append(["leaf", number_or_text])
            continue
        depth += 1
        if depth > MAX_DEPTH:
            raise RecursionError(f"nested deeper than {MAX_DEPTH}")
        stack.append(_End(kind.__name__, len(parts)))
        stack += reversed(parts)
    return {"row": row}


_MISSING = object()


def _scalar(value: Any) -> Tree:
    if value is None or type(value) in (bool, float, str, int):
        return encode(value)
    tree = leaf(value)
    return _MISSING if tree is None else tree


class _End:
    __slots__ = ("kind", "length")

    def __init__(self, kind: str, length: int) -> None:
        self.kind, self.length = kind, length


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
    """`tree`, nested again where it came in a row, if it is one that `encode` could have made, except that its texts are anyone's.

    Raises:
        NotPlain: when it is not, or is nested deeper than MAX_DEPTH.
    """
    if isinstance(tree, dict) and tree.keys() == {"row"}:
        tree = _nested(tree["row"])
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
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


def _nested(row: Any) -> Tree:
    """The tree of what `in_a_row` made."""
    made: list[Tree] = []
    for part in row if isinstance(row, list) else ():
        if not (isinstance(part, list) and len(part) == 2):
            raise NotPlain(f"no part of a value: {part!r:.40}")
        kind, content = part
        if kind == "leaf":
            made.append(content)
            continue
        if not isinstance(content, int) or not 0 <= content <= len(made):
            raise NotPlain(f"no length: {content!r:.40}")
        start = len(made) - content
        items = made[start:]
        del made[start:]
        if kind == "dict":
            items = [list(pair) for pair in zip(items[::2], items[1::2], strict=False)]
        elif kind != "list" and kind not in _COLLECT:
            raise NotPlain(f"no plain data: {kind!r:.40}")
        made.append(items if kind == "list" else {kind: items})
    if len(made) != 1:
        raise NotPlain(f"{len(made)} values in place of one")
    return made[0]


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
