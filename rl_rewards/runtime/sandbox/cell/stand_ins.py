"""Stand-ins: what the tests see of a program's objects, whose own code stays in the program's process."""

from __future__ import annotations

import asyncio
import functools
from typing import Any, Protocol

_ONE_BY_ONE = 100
_ARITHMETIC = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split()
_COMPARISONS = ("lt", "le", "gt", "ge")
_UNARY = {"__abs__": "abs", "__neg__": "neg", "__pos__": "pos", "__invert__": "invert"}
_NUMBERS = {"__int__": "int", "__float__": "float", "__round__": "round", "__complex__": "complex"}
_OWN = frozenset({"__name__", "__qualname__", "__wrapped__", "__annotations__", "__self__", "__func__"})


class Channel(Protocol):
    """What stand-ins ask the program by: remote.py's."""

    def ask(self, operation: str, *arguments: Any, **keywords: Any) -> Any: ...

    def refuse(self, what: str) -> BaseException: ...


class StandIn:
    """A stand-in for an object that lives in the program's process.

    It equals another stand-in if the program says so, and never a plain value. It has no order towards plain values and no arithmetic with them,
    unless the tests made it themselves, by calling what they use as a class of the program's: `Vector(1, 2) * 3` is a method of what they test, while
    `square(3) - 9` would tell the program what is expected.
    """

    def __init__(self, channel: Channel, number: int, type_name: str, of_library: type | None = None) -> None:
        self.__dict__.update(_channel=channel, _number=number, _type_name=type_name, _of_library=of_library, _made_here=False, _is_class=False)

    @property
    def __class__(self) -> type:  # type: ignore[override]
        """What `isinstance` goes by: the class of a library's objects, if it is one here, too."""
        return self.__dict__["_of_library"] or type(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _OWN:
            raise AttributeError(name)
        return self._channel.ask("attribute", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._channel.ask("set attribute", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._channel.ask("delete attribute", self, name)

    def __getitem__(self, key: Any) -> Any:
        return self._channel.ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._channel.ask("set item", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._channel.ask("delete item", self, key)

    def __contains__(self, item: Any) -> bool:
        if self._made_here or isinstance(item, StandIn):
            return bool(self._channel.ask("contains", self, item))
        return any(item is each or item == each for each in _iterate(self))

    def __str__(self) -> str:
        return str(self._channel.ask("text", self))

    def __repr__(self) -> str:
        return str(self._channel.ask("representation", self)) if self._made_here else f"<{self._type_name} of the program>"

    def __bool__(self) -> bool:
        return True

    def __hash__(self) -> int:
        return int(self._channel.ask("hash", self))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StandIn):
            return bool(self._channel.ask("equal", self, other))
        is_symbolic = type(other).__module__.partition(".")[0] == "sympy"  # which only sympy itself can compare, and it is here and there
        if is_symbolic or (self._made_here and other is not None):
            raise self._channel.refuse(f"tests that compare an object of the program's class {self._type_name} with a {type(other).__name__}")
        return False

    def __instancecheck__(self, instance: Any) -> bool:
        return number_of(instance) is not None and bool(self._channel.ask("isinstance", instance, self))

    def __subclasscheck__(self, kind: Any) -> bool:
        return number_of(kind) is not None and bool(self._channel.ask("issubclass", kind, self))

    def __mro_entries__(self, bases: Any) -> Any:
        raise self._channel.refuse("classes of the tests that inherit from one of the program's")


class Opaque:
    """What a program put where tests expect data: equal to nothing but itself."""


def _call(self: StandIn, *arguments: Any, **keywords: Any) -> Any:
    made = self._channel.ask("call", self, *arguments, **keywords)
    if isinstance(made, StandIn) and self._is_class:
        made.__dict__["_made_here"] = True
    return made


def _iterate(self: StandIn) -> Any:
    return iter(self._channel.ask("iterate", self))


def _next(self: StandIn) -> Any:
    """The next item, as the tests ask for it: what the program iterates over may have no end. Whoever takes many gets several at a time."""
    waiting = self.__dict__.setdefault("_waiting", [])
    if not waiting:
        taken = self.__dict__.get("_taken", 0)
        waiting += reversed(self._channel.ask("take", self, 1 if taken < _ONE_BY_ONE else _ONE_BY_ONE))
        self.__dict__["_taken"] = taken + len(waiting)
    return waiting.pop()


async def _anext(self: StandIn) -> Any:
    try:
        return self._channel.ask("anext", self)
    except StopIteration:
        raise StopAsyncIteration from None


async def _aenter(self: StandIn) -> Any:
    return self._channel.ask("await enter", self)


async def _aexit(self: StandIn, *what: Any) -> Any:
    return self._channel.ask("await exit", self, *what[:2], None)


async def awaited(channel: Channel, number: int) -> Any:
    """A coroutine of the program's. It starts there when this one starts here, so that several can wait for one another."""
    task = _Number(int(channel.ask("task", _Number(number))))
    await asyncio.sleep(0)
    return channel.ask("await", task)


class _Number:
    """The number of an object of the program's, and nothing else of it."""

    def __init__(self, number: int) -> None:
        self._number = number


_METHODS: dict[str, dict[str, Any]] = {
    "c": {"__call__": _call},
    "i": {"__iter__": _iterate},
    "n": {"__iter__": lambda self: self, "__next__": _next},
    "b": {"__bool__": lambda self: bool(self._channel.ask("truth", self))},
    "l": {"__len__": lambda self: int(self._channel.ask("length", self))},
    "x": {
        "__enter__": lambda self: self._channel.ask("enter", self),
        "__exit__": lambda self, *what: bool(self._channel.ask("exit", self, *what[:2], None)),
    },
    "a": {"__anext__": _anext, "__aiter__": lambda self: self},
    "A": {"__aiter__": lambda self: self if "__anext__" in dir(type(self)) else self._channel.ask("aiter", self)},
    "X": {"__aenter__": _aenter, "__aexit__": _aexit},
}


@functools.cache
def stand_in_class(abilities: str) -> type[StandIn]:
    """The class of stand-ins for objects of these abilities (serving.ABILITIES)."""
    return type(
        "StandIn", (StandIn,), {name: method for letter, methods in _METHODS.items() if letter in abilities for name, method in methods.items()}
    )


def _operator(name: str, reflected: bool = False) -> Any:
    def operate(self: StandIn, other: Any) -> Any:
        if not isinstance(other, StandIn) and not self._made_here:
            return NotImplemented
        made = self._channel.ask("operate", name, *((other, self) if reflected else (self, other)))
        if isinstance(made, StandIn):
            made.__dict__["_made_here"] = self._made_here
        return made

    return operate


def _comparison(name: str) -> Any:
    def compare(self: StandIn, other: Any) -> Any:
        if isinstance(other, StandIn):
            return bool(self._channel.ask("compare", name, self, other))
        if self._made_here:
            raise self._channel.refuse(f"tests that compare an object of the program's class {self._type_name} with a {type(other).__name__}")
        return NotImplemented

    return compare


def _unary(operation: str, name: str) -> Any:
    def apply(self: StandIn, *arguments: Any) -> Any:
        if not self._made_here:
            raise TypeError(f"no {name} of an object of the program's class {self._type_name}")
        return self._channel.ask(operation, name, self, *arguments)

    return apply


for _name in _ARITHMETIC:
    _bare = _name.rstrip("_")
    setattr(StandIn, f"__{_bare}__", _operator(_name))
    setattr(StandIn, f"__r{_bare}__", _operator(_name, reflected=True))
for _name in _COMPARISONS:
    setattr(StandIn, f"__{_name}__", _comparison(_name))
for _method, _name in _UNARY.items():
    setattr(StandIn, _method, _unary("operate", _name))
for _method, _name in _NUMBERS.items():
    setattr(StandIn, _method, _unary("number", _name))


class RaisedInProgram(Exception):
    """An exception of a class of the program's. Its attributes are read from the object there."""

    _channel: Channel
    _class_number: int
    _number: int | None = None
    _text: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._number is None:
            raise AttributeError(name)
        return self._channel.ask("attribute", _Number(self._number), name)

    def __str__(self) -> str:
        return super().__str__() if self._text is None else self._text


def number_of(value: Any) -> int | None:
    """The number of the program's object that a value stands for."""
    if isinstance(value, type):
        return value.__dict__.get("_class_number")
    kind = type(value)
    if issubclass(kind, StandIn):
        return value.__dict__["_number"]
    return value._number if kind is _Number or issubclass(kind, RaisedInProgram) or kind in _LIKE.values() else None


_LIKE: dict[type, type] = {}


def like(exact: Any, channel: Channel, number: int) -> Any:
    """A plain value with the attributes of the program's object that behaves like it: `point.x` of a namedtuple, `colour.name` of an IntEnum."""
    kind = type(exact)
    if kind in (bool, type(None)):
        return exact
    if kind not in _LIKE:
        _LIKE[kind] = type(f"{kind.__name__} of the program", (kind,), {"__getattr__": _attribute_of_like})
    made = _LIKE[kind](exact)
    made._channel, made._number = channel, number
    return made


def _attribute_of_like(self: Any, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return self._channel.ask("attribute", _Number(self._number), name)
