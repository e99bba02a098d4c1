"""Tests in one process, the program in another: what passes between them is data, never code of the program's.

The program's process serves (serving.py). The tests' process holds the tests, the expected values and the comparison, and stand-ins for the
program's functions and objects. So a program cannot read a test, patch a comparison, or answer with an object that equals everything: its objects stay with
it, and what the tests see of them is a handle, equal to no plain value, that can be called and read.
"""

from __future__ import annotations

import base64
import builtins
import collections.abc
import functools
import importlib
import io
import pickle
import re
import sys
import threading
import types
from collections.abc import Iterable
from typing import Any

from . import frames, library, plain
from .serving import CHANNEL, SHARED_MODULES, importable
from .shared import KINDS, Shared

# What tests mean by these names before a dot, even where they leave the import to the program.
ALIASES = {"np": "numpy", "pd": "pandas", "sp": "sympy"}
_ONE_BY_ONE = 100
_ARITHMETIC = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split()
_COMPARISONS = ("lt", "le", "gt", "ge")
_UNARY = {"__abs__": "abs", "__neg__": "neg", "__pos__": "pos", "__invert__": "invert"}
_NUMBERS = {"__int__": "int", "__float__": "float", "__round__": "round", "__complex__": "complex"}
_OWN = frozenset({"__name__", "__qualname__", "__wrapped__", "__annotations__", "__self__", "__func__"})


class Unsupported(BaseException):
    """The tests need what cannot pass. Only what tests do may raise it, never what a program answers: it means that there is no score."""


class RaisedByProgram(Exception):
    """The program raised an exception of a type of its own."""


class Channel:
    """The tests' end of the channel to the program.

    Args:
        shared: names of the classes that program and tests both have.
        namespace: the tests' names.
        classes: names that the tests use as those of classes of the program's.
    """

    def __init__(self, shared: Iterable[str], namespace: dict[str, Any], classes: Iterable[str] = ()) -> None:
        self._classes = frozenset(classes)
        self.shared = Shared(shared, namespace, "t", trusting=False)
        self.asked = 0
        self.hung_up = False
        self.unsupported = ""
        self._thread = threading.get_ident()
        self._stand_ins: dict[int, Any] = {}
        self._coroutines: dict[int, int] = {}
        self._exceptions: dict[int, type] = {}
        self._held: dict[int, Any] = {}
        self._failures: dict[int, BaseException] = {}

    def read(self) -> dict[str, Any]:
        try:
            return frames.read(CHANNEL)
        except frames.Closed:
            self.hung_up = True
            raise

    def refuse(self, what: str) -> Unsupported:
        """An Unsupported to raise; that it was raised stays known, also where a test catches it."""
        self.unsupported = self.unsupported or what
        return Unsupported(what)

    def ask(self, operation: str, *arguments: Any, **keywords: Any) -> Any:
        """What the program's side gives for an operation. Functions of the tests' that the program calls meanwhile run here.

        Raises:
            Exception: what the program raised.
            frames.Closed: when it has ended.
            Unsupported: for arguments that cannot pass.
        """
        if threading.get_ident() != self._thread:
            raise self.refuse("tests that call the program from several threads")
        self.asked += 1
        trees = [self.tree(argument) for argument in arguments]
        is_call = operation.startswith("call")
        watched = [at for at, (argument, tree) in enumerate(zip(arguments, trees, strict=True)) if is_call and _may_change(argument, tree)]
        keyword_trees = {name: self.tree(value) for name, value in keywords.items()}
        if any(_may_change(value, keyword_trees[name]) for name, value in keywords.items()) and operation == "call":
            return self._ask_with_keywords(operation, arguments, keywords)
        reply = self._exchange({"do": operation, "args": trees, "keywords": keyword_trees, "watch": watched})
        self.shared.update(reply["states"], self._attribute)
        for at in watched:
            if str(at) in reply.get("changed", {}):
                _restore(arguments[at], self.value(reply["changed"][str(at)]))
        if "raised" in reply:
            raise self._raised(reply["raised"])
        if operation in ("take", "anext") and "stop" in reply:  # of anything else it would end the tests' own loops without a word
            raise StopIteration
        return self.value(reply["value"])

    def _ask_with_keywords(self, operation: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """A call in which an argument by keyword may be changed in place: it goes as an argument by position of a call that names it."""
        return self.ask("call named", arguments[0], tuple(keywords), len(arguments) - 1, *arguments[1:], *keywords.values())

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        frames.write(CHANNEL, {**request, "states": self.shared.states(self.tree)})
        while "callback" in (reply := self.read()):
            frames.write(CHANNEL, self._answer(reply))
        return reply

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        self.shared.update(call["states"], self._attribute)
        operation, number = call["callback"]
        held = self._held[number]
        try:
            arguments = [self.value(tree) for tree in call["args"]]
            keywords = {str(name): self.value(tree) for name, tree in call["keywords"].items()}
            value = next(held) if operation == "next" else held(*arguments, **keywords)
            return {"answer": self.tree(value), "states": self.shared.states(self.tree)}
        except StopIteration:
            return {"stop": True, "states": {}}
        except frames.Closed:
            raise
        except Exception as error:
            self._failures[len(self._failures)] = error
            text = "" if isinstance(error, AssertionError) else str(error)[:2000]  # an assertion's text may hold what is expected
            return {"failed": [type(error).__name__, text, len(self._failures) - 1], "states": {}}

    # What goes out

    def tree(self, value: Any) -> plain.Tree:
        return plain.encode(value, self._other)

    def _other(self, value: Any) -> plain.Tree:
        number = _number_of(value)
        if number is not None:
            return {"remote": number}
        if id(value) in self._coroutines:
            return {"remote": self._coroutines[id(value)]}
        if isinstance(value, Opaque):
            raise TypeError("what the program put there is no data")
        if value is Ellipsis or value is NotImplemented:
            return {"import": ["builtins", repr(value)]}
        made = self.shared.encode(value, self.tree) or library.encode(value, self.tree)
        if made is not None:
            return made
        kind = type(value)
        if isinstance(value, (type, types.BuiltinFunctionType, types.FunctionType, types.ModuleType)) and (name := _importable_name(value)):
            return {"import": name}
        if isinstance(value, BaseException) and getattr(builtins, kind.__name__, None) is kind:
            return {"error": [kind.__name__, [self.tree(argument) for argument in value.args]]}
        if isinstance(value, collections.abc.Iterator) and not isinstance(value, io.IOBase):
            return {"iterator": self._hold(value)}
        if isinstance(value, (collections.abc.Awaitable, io.IOBase)):
            raise self.refuse(f"tests that hand a {kind.__name__} to the program")
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)) or (
            _is_the_tests(kind) and callable(value)
        ):
            return {"callback": [self._hold(value), getattr(value, "__name__", kind.__name__)]}
        if not _is_the_tests(kind) and importable(kind.__module__):
            try:
                return {"pickle": base64.b64encode(pickle.dumps(value)).decode("ascii")}
            except Exception:
                raise self.refuse(f"tests that hand a {kind.__name__} to the program") from None
        raise self.refuse(f"tests that hand an object of their class {kind.__name__} to the program, which cannot be made there")

    def _hold(self, value: Any) -> int:
        self._held[len(self._held)] = value
        return len(self._held) - 1

    # What comes in

    def value(self, tree: plain.Tree) -> Any:
        try:
            return plain.decode(tree, self._incoming)
        except ImportError as error:  # of a library that is not here: not the tests' own import, which would be theirs to answer for
            raise TypeError(f"no value of this interpreter: {error}") from None

    def _attribute(self, tree: plain.Tree) -> Any:
        """An attribute of a shared object: its methods are the tests' own, so no function of the program's may come with it."""
        return plain.decode(tree, lambda kind, content: Opaque() if kind in ("remote", "like", "exception") else self._incoming(kind, content))

    def _incoming(self, kind: str, content: Any) -> Any:
        if kind == "remote":
            return self._stand_in(int(content[0]), str(content[1]), str(content[2]))
        if kind == "exception":
            return self._exception_class(content)
        if kind == "like":
            exact, (handle,) = self.value(content[0]), content[1].values()
            return _like(exact, self, int(handle[0]))
        if kind in KINDS:
            return self.shared.decode(kind, content, self.value)
        if kind == "made":
            return library.decode(content, self.value)
        raise frames.Closed(f"unknown type {kind!r}")

    def _stand_in(self, number: int, type_name: str, abilities: str) -> Any:
        if number not in self._stand_ins:
            if "w" in abilities:
                self._stand_ins[number] = coroutine = _awaited(self, number)
                self._coroutines[id(coroutine)] = number
            else:
                self._stand_ins[number] = stand_in_class(abilities)(self, number, type_name)
        return self._stand_ins[number]

    def _exception_class(self, content: Any) -> type:
        """A class of the program's that tests can catch: a class of this side's, with the same bases."""
        own, base = content
        made = getattr(builtins, str(base), Exception)
        if not (isinstance(made, type) and issubclass(made, Exception)) or issubclass(made, (StopIteration, StopAsyncIteration)):
            made = Exception
        for number, name in reversed(own):
            if number not in self._exceptions:
                bases = (made,) if issubclass(made, _OfTheProgram) else (_OfTheProgram, made)
                self._exceptions[number] = type(str(name), bases, {"_channel": self, "_class_number": number})
            made = self._exceptions[number]
        return made

    def _raised(self, raised: dict[str, Any]) -> BaseException:
        if raised["tests"] is not None:
            return self._failures[raised["tests"]]
        own, base = raised["class"]
        text, (handle,) = str(raised["text"]), raised["object"].values()
        kind = self._exception_class(raised["class"])
        try:
            arguments = [self.value(tree) for tree in raised["args"]]
        except (ValueError, TypeError, RecursionError):
            arguments = [text]
        if not own and str(base) in ("StopIteration", "StopAsyncIteration"):
            return RaisedByProgram(f"{base}: {text}")  # those would end the tests' own loops, `for got in map(f, inputs)`, without a word
        try:
            error = kind(*arguments)
        except Exception:
            error = RaisedByProgram(text)
        if own:
            error._number, error._text = int(handle[0]), text  # type: ignore[attr-defined]
        return error

    def names(self, source: str, wanted: frozenset[str], kept: frozenset[str]) -> dict[str, Any]:
        """The program's names, as the tests may use them. The program may have made the frame up: nothing here is taken on trust.

        Names of Python's own are not its to give, nor are those with two underscores (`__builtins__`).

        Args:
            source: the tests.
            wanted: names that mean the program's whoever else has them.
            kept: names that it may not give.
        """
        words = set(re.findall(r"\w+", source))  # what nobody mentions may be large
        names = {
            name: self.ask("name", name) if tree is None else plain.decode(tree, self._import)
            for name, tree in self.read()["names"].items()
            if name in words
            and name.isidentifier()
            and not name.startswith("__")
            and (name in wanted or (not hasattr(builtins, name) and name not in kept))
        }
        for name in set(re.findall(r"\b(\w+)\s*\.", source)) & names.keys():
            if importable(ALIASES.get(name, name)):
                names[name] = importlib.import_module(ALIASES.get(name, name))
        self.asked = 0
        for name in self._classes & names.keys():
            if isinstance(names[name], StandIn):
                names[name].__dict__["_is_class"] = True
        return names

    def _import(self, kind: str, content: Any) -> Any:
        """What one of the program's names stands for that it has imported."""
        if kind != "import":
            raise frames.Closed(f"no import: {kind!r:.80}")
        module, name = map(str, content)
        if content[1] is None and importable(module):
            try:
                return importlib.import_module(module)
            except ImportError as error:
                raise frames.Closed(f"not to be imported: {error}") from None
        if module in SHARED_MODULES and not name.startswith("_"):
            return getattr(importlib.import_module(module), name)
        raise frames.Closed(f"not to be imported: {content!r:.80}")


class StandIn:
    """A stand-in for an object that lives in the program's process.

    It equals another stand-in if the program says so, and never a plain value. It has no order towards plain values and no arithmetic with them,
    unless the tests made it themselves, by calling what they use as a class of the program's: `Vector(1, 2) * 3` is a method of what they test, while
    `square(3) - 9` would tell the program what is expected.
    """

    def __init__(self, channel: Channel, number: int, type_name: str) -> None:
        self.__dict__.update(_channel=channel, _number=number, _type_name=type_name, _made_here=False, _is_class=False)

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
        if self._made_here and other is not None:
            raise self._channel.refuse(f"tests that compare an object of the program's class {self._type_name} with a {type(other).__name__}")
        return False

    def __instancecheck__(self, instance: Any) -> bool:
        return _number_of(instance) is not None and bool(self._channel.ask("isinstance", instance, self))

    def __subclasscheck__(self, kind: Any) -> bool:
        return _number_of(kind) is not None and bool(self._channel.ask("issubclass", kind, self))

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


async def _awaited(channel: Channel, number: int) -> Any:
    """A coroutine of the program's. It starts there when this one starts here, so that several can wait for one another."""
    import asyncio

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


class _OfTheProgram(Exception):
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


def _number_of(value: Any) -> int | None:
    """The number of the program's object that a value stands for."""
    if isinstance(value, type):
        return value.__dict__.get("_class_number")
    kind = type(value)
    if issubclass(kind, StandIn):
        return value.__dict__["_number"]
    return value._number if kind is _Number or issubclass(kind, _OfTheProgram) or kind in _LIKE.values() else None


_LIKE: dict[type, type] = {}


def _like(exact: Any, channel: Channel, number: int) -> Any:
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


def _is_the_tests(kind: type) -> bool:
    return kind.__module__ in ("__main__", "tests", "prelude")


def _importable_name(value: Any) -> list[str] | None:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(value, types.ModuleType) or not isinstance(module, str) or not isinstance(name, str):
        return None
    if module in ("__main__", "tests", "prelude") or not importable(module) or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return [module, name] if found is value else None


def _may_change(value: Any, tree: plain.Tree) -> bool:
    """Whether a program could change it in place, and all of what it holds can come back."""
    is_mutable = isinstance(value, (list, dict, set, bytearray)) or type(value).__name__ in ("deque", "ndarray", "DataFrame", "Series")
    return is_mutable and _number_of(value) is None and _comes_back(tree)


def _comes_back(tree: plain.Tree) -> bool:
    level = [tree]
    while level:
        inner: list[Any] = []
        for part in level:
            if isinstance(part, list):
                inner += part
            elif isinstance(part, dict):
                ((kind, content),) = part.items()
                if kind in ("remote", "callback", "iterator", "pickle", "import", "error"):
                    return False
                if kind not in ("shared", "class", "member"):
                    inner.append(content)
        level = inner
    return True


def _restore(old: Any, new: Any) -> None:
    """Change `old` in place into what the program left of it, keeping the lists and dicts inside that are still there."""
    if isinstance(old, list) and isinstance(new, list):
        old[:] = [_kept(old[at], item) if at < len(old) else item for at, item in enumerate(new)]
    elif isinstance(old, dict) and isinstance(new, dict):
        kept = {key: _kept(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(kept)
    elif isinstance(old, (set, bytearray)) or type(old).__name__ == "deque":
        old.clear()
        (old.extend if hasattr(old, "extend") else old.update)(new)  # type: ignore[union-attr]
    elif type(old).__name__ == "ndarray" and type(new) is type(old) and old.shape == new.shape:
        old[...] = new
    elif type(old).__name__ in ("DataFrame", "Series") and type(new) is type(old):
        old._update_inplace(new)


def _kept(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, (list, dict, set)):
        _restore(old, new)
        return old
    return new
