"""Lists, dicts and the like that both a program and its tests hold: `order.menu.append(dish)` means the program's list.

Each side has a copy, and both know it by one number. Whoever speaks says first how it has changed what is lent. Only what the program goes on to hold
is lent, so that what most functions return costs nothing; and no more than LARGEST and MOST, since every exchange looks at all of it.
"""

from __future__ import annotations

import collections
import marshal
from collections.abc import Callable, Sequence
from typing import Any

from . import plain
from .restoring import restore

MOST = 16
LARGEST = 10_000
_EXACTLY = (list, dict, set, bytearray, collections.deque, collections.defaultdict, collections.OrderedDict, collections.Counter)
_OF_LIBRARIES = frozenset({("numpy", "ndarray"), ("pandas", "DataFrame"), ("pandas", "Series")})
_CHARACTERS = 16  # that count as one part

Encode = Callable[[Any], plain.Tree]


def may_be_lent(value: Any, tree: plain.Tree) -> bool:
    """Whether it can be changed in place, is not too large to be looked at again and again, and holds no object of a shared class (shared.py)."""
    kind = type(value)
    return (kind in _EXACTLY or (kind.__module__.partition(".")[0], kind.__name__) in _OF_LIBRARIES) and _size(tree) <= LARGEST


def _size(tree: plain.Tree) -> int:
    """How many parts a tree has; of one that is too large it is not counted to its end."""
    size, rest = 0, [tree]
    while rest and size <= LARGEST:
        part = rest.pop()
        size += 1 + (len(part) // _CHARACTERS if isinstance(part, str) else 0)
        if isinstance(part, list):
            rest += part
        elif isinstance(part, dict):
            size += LARGEST if "shared" in part else 0
            rest += part.values()
    return size


def _mark(value: Any, encode: Encode) -> Any:
    """What is another when a value has changed: quick to make where it is of plain data alone."""
    try:
        return marshal.dumps(value, 0) if type(value) in _EXACTLY else encode(value)
    except ValueError:  # other objects are in it, or it is nested deeply
        return encode(value)


class Lender:
    """The program's side.

    Args:
        encode: makes the tree of a value.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._objects: dict[int, Any] = {}
        self._marks: dict[int, Any] = {}
        self._lent = 0

    def object(self, number: int) -> Any:
        return self._objects[number]

    def lend(self, value: Any) -> int:
        """The number of an object from now on, of which the other side gets a copy."""
        number = next((number for number, object_ in self._objects.items() if object_ is value), None)
        if number is None:
            self._lent = number = self._lent + 1
        self._objects[number], self._marks[number] = value, _mark(value, self._encode)
        return number

    def take(self, numbers: Sequence[int], changed: dict[str, plain.Tree], decode: Callable[[plain.Tree], Any]) -> None:
        """Forget what the tests' side no longer looks after (`numbers` are what it does), and change the rest as the tests have changed their copies."""
        self._objects = {number: self._objects[number] for number in numbers if number in self._objects}
        for number, tree in changed.items():
            restore(self._objects[int(number)], decode(tree))
            self.lend(self._objects[int(number)])

    def changed(self) -> dict[str, plain.Tree]:
        """Trees of what the program has changed; None for what has grown too large, of which each side keeps what it has."""
        found: dict[str, plain.Tree] = {}
        for number, value in list(self._objects.items()):
            if (mark := _mark(value, self._encode)) != self._marks[number]:
                self._marks[number], found[str(number)] = mark, self._encode(value)
                if not may_be_lent(value, found[str(number)]):
                    found[str(number)] = None
                    del self._objects[number]
        return found


class Borrower:
    """The tests' side.

    Args:
        encode: makes the tree of a value.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._copies: dict[int, Any] = {}
        self._marks: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._numbers: dict[int, int] = {}

    @property
    def numbers(self) -> list[int]:
        return list(self._copies)

    def number_of(self, value: Any) -> int | None:
        """The number of a copy; None for other values."""
        return self._numbers.get(id(value))

    def borrow(self, number: int, value: Any, tree: plain.Tree) -> Any:
        """Look after a copy from now on: `value`, or the one that there is of that number, brought up to date. `tree` is the value's."""
        copy = self._copies.pop(number, value)  # the last one asked for is the last to go
        mark = _mark(value, self._encode)
        if copy is not value and mark != self._marks[number]:
            restore(copy, value)
        self._numbers[id(copy)], self._copies[number], self._marks[number], self._sizes[number] = number, copy, mark, _size(tree)
        while len(self._copies) > MOST or (len(self._copies) > 1 and sum(self._sizes.values()) > LARGEST):
            self._forget(next(iter(self._copies)))
        return copy

    def _forget(self, number: int) -> None:
        self._numbers.pop(id(self._copies.pop(number)), None)
        del self._marks[number], self._sizes[number]

    def changed(self) -> dict[str, plain.Tree]:
        """Trees of the copies that the tests have changed."""
        found: dict[str, plain.Tree] = {}
        for number, copy in self._copies.items():
            if (mark := _mark(copy, self._encode)) != self._marks[number]:
                self._marks[number], found[str(number)] = mark, self._encode(copy)
        return found

    def update(self, changed: dict[str, plain.Tree], decode: Callable[[plain.Tree], Any]) -> None:
        """Change the copies as the program has changed its objects."""
        for text, tree in changed.items():
            number = int(text)
            if number not in self._copies:
                continue
            if tree is None:
                self._forget(number)
            else:
                self.borrow(number, decode(tree), tree)
