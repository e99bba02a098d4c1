"""The program's side of the channel: it does what the tests ask of the program's functions and objects.

Objects stay here and are known by a number. What goes out is plain data, values of libraries, objects of shared classes, and handles.
"""

from __future__ import annotations

import base64
import builtins
import collections.abc
import contextlib
import importlib
import inspect
import operator
import pickle
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import classes, frames, library, plain
from .lent import Lender, may_be_lent
from .shared import KINDS, Shared

if TYPE_CHECKING:
    import asyncio

CHANNEL = 3
DEPTH = 20_000  # of Python's stack, while values are taken apart
TAKING_SECONDS = 0.01
LIBRARIES = ("numpy", "pandas", "sympy")
# From these the tests take a program's imports as their own. Not from all: `unittest.mock.ANY` equals everything.
SHARED_MODULES = frozenset("bisect collections datetime decimal fractions functools heapq itertools math operator re string typing".split())
# What an object can do, a letter each; the tests' stand-in can do the same.
ABILITIES: dict[str, Callable[[type], bool]] = {
    "c": lambda kind: issubclass(kind, collections.abc.Callable),
    "i": lambda kind: hasattr(kind, "__iter__") or hasattr(kind, "__getitem__"),
    "n": lambda kind: hasattr(kind, "__next__"),
    "b": lambda kind: hasattr(kind, "__bool__") or hasattr(kind, "__len__"),
    "l": lambda kind: hasattr(kind, "__len__"),
    "x": lambda kind: hasattr(kind, "__enter__"),
    "w": lambda kind: issubclass(kind, collections.abc.Awaitable),
    "a": lambda kind: hasattr(kind, "__anext__"),
    "A": lambda kind: hasattr(kind, "__aiter__"),
    "X": lambda kind: hasattr(kind, "__aenter__"),
}


class FromTests(Exception):
    """The tests' own function, called by the program, raised an exception that Python itself does not have."""


class Server:
    """Holds the program's objects and speaks for them."""

    def __init__(self, namespace: dict[str, Any], made_before: dict[str, Any], shared: list[str]) -> None:
        self.shared = Shared(shared, namespace, "p", trusting=True)
        for name in shared:
            self.shared.also(made_before.get(name), name)
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._lender = Lender(self.tree)
        self._turn = threading.RLock()
        self._depth = 0
        self.unraised: dict[int, Exception] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.namespace = namespace

    def serve(self) -> None:
        """Answer requests until the tests' side hangs up."""
        names = [name for name in self.namespace if isinstance(name, str) and not name.startswith("__")]
        frames.write(CHANNEL, {"names": {name: _import_of(self.namespace[name]) for name in names}})
        while True:
            try:
                request = frames.read(CHANNEL)
            except frames.Closed:
                return
            self._depth += 1
            try:
                reply = self._reply(request)
            finally:
                self._depth -= 1
            with self._turn:
                frames.write(CHANNEL, reply)

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, DEPTH))
        try:
            self.shared.update(request["states"], self.value)
            self._lender.take(request["lent"], request["back"], self.value)
            arguments, keywords = (
                [self.value(tree) for tree in request["args"]],
                {name: self.value(tree) for name, tree in request["keywords"].items()},
            )
        finally:
            sys.setrecursionlimit(before)
        value = None
        try:
            value = _OPERATIONS[request["do"]](self, *arguments, **keywords)
            raised = None
        except (StopIteration, StopAsyncIteration) as error:
            if request["do"] in ("take", "anext"):
                return {"stop": True, "states": self.shared.states(self.tree)}
            raised = error
        except Exception as error:
            raised = error
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, DEPTH))
        try:
            reply: dict[str, Any] = {"kept": {}, "changed": {}}
            if raised is not None:
                reply["raised"] = self._raised(raised)
            else:
                reply["value"] = tree = self._of_name(value) if request["do"] == "name" else self.tree(value)
                is_held = sys.getrefcount(value) > _OF_A_FRESH_VALUE and not any(value is argument for argument in arguments)
                if is_held and may_be_lent(value, tree):
                    reply["value"] = {"lent": [self._lender.lend(value), tree]}
            for at in request["watch"]:
                if (tree := self.tree(arguments[at])) != request["args"][at]:
                    reply["changed"][str(at)] = tree
                if sys.getrefcount(arguments[at]) > _OF_AN_ARGUMENT + (arguments[at] is value) and may_be_lent(arguments[at], tree):
                    reply["kept"][str(at)] = self._lender.lend(arguments[at])
            reply["lent"] = self._lender.changed()
            reply["states"] = self.shared.states(self.tree)
        except Exception as error:  # an object that raises when it is looked at
            reply = {"raised": self._raised(error), "kept": {}, "changed": {}, "lent": {}, "states": {}}
        finally:
            sys.setrecursionlimit(limit)
        return reply

    # What goes out

    def tree(self, value: Any) -> plain.Tree:
        return plain.encode(value, self._other)

    def _other(self, value: Any) -> plain.Tree:
        made = self.shared.encode(value, self.tree) or library.encode(value, self.tree)
        if made is not None:
            return made
        try:
            exact = plain.exactly(value)
        except plain.NotPlain:
            return self.handle(value)
        return {"like": [self.tree(exact), self.handle(value)]}

    def handle(self, value: Any) -> plain.Tree:
        number = self.number(value)
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": self._exception_class(value)}
        kind = type(value)
        abilities = "".join(letter for letter, has in ABILITIES.items() if has(kind))
        return {"remote": [number, kind.__name__, abilities, classes.path_of(kind)]}

    def number(self, value: Any) -> int:
        """The number by which the tests' side knows an object; it lives as long as this process."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def _exception_class(self, kind: type) -> list[Any]:
        """[the number, name and, if it is a library's, path of each class, the first first; the name of Python's own that they come from]."""
        own, base = [], "Exception"
        for each in kind.__mro__:
            if getattr(builtins, each.__name__, None) is each:
                base = each.__name__
                break
            if isinstance(each, type) and issubclass(each, BaseException):
                own.append([self.number(each), each.__name__, classes.path_of(each)])
        return [own, base]

    def _raised(self, error: BaseException) -> dict[str, Any]:
        try:
            text = str(error)[:2000]
        except Exception:
            text = ""
        try:
            arguments = [self.tree(argument) for argument in error.args]
        except Exception:
            arguments = []
        return {
            "class": self._exception_class(type(error)), "text": text, "args": arguments, "object": self.handle(error),
            "tests": getattr(error, "_of_the_tests", None),
        }  # fmt: skip

    def _of_name(self, value: Any) -> plain.Tree:
        """What a name of the program's stands for. Before the tests have run there are no classes of theirs, so objects of these are handles."""
        return plain.encode(value, lambda other: self.handle(other) if self.shared.has(other) else self._other(other))

    # What comes in

    def value(self, tree: plain.Tree) -> Any:
        return plain.decode(tree, self._incoming)

    def _incoming(self, kind: str, content: Any) -> Any:
        if kind == "remote":
            return self._objects[content]
        if kind == "lent":
            return self._lender.object(content)
        if kind in KINDS:
            return self.shared.decode(kind, content, self.value)
        if kind == "made":
            return library.decode(content, self.value)
        if kind == "import":
            return operator.attrgetter(content[1])(importlib.import_module(content[0]))
        if kind == "error":
            return getattr(builtins, content[0])(*map(self.value, content[1]))
        if kind == "pickle":  # the tests' own, which are trusted
            return pickle.loads(base64.b64decode(content))
        if kind == "callback":
            return self._callback(*content)
        if kind == "iterator":
            return _Iterator(self, content)
        raise frames.Closed(f"unknown type {kind!r}")

    def _callback(self, number: int, name: str) -> Any:
        def function(*arguments: Any, **keywords: Any) -> Any:
            return self.call_back("call", number, arguments, keywords)

        function.__name__ = function.__qualname__ = name
        return function

    def call_back(self, operation: str, number: int, arguments: tuple[Any, ...] = (), keywords: dict[str, Any] | None = None) -> Any:
        """Have the tests' side call a function of theirs, or take the next item of an iterator."""
        with self._turn:
            if not self._depth:
                raise RuntimeError("a function of the tests can be called only while they wait for the program")
            call = {"callback": [operation, number], "args": [self.tree(argument) for argument in arguments]}
            call["keywords"] = {name: self.tree(value) for name, value in (keywords or {}).items()}
            frames.write(CHANNEL, {**call, "states": self.shared.states(self.tree)})
            while True:
                answer = frames.read(CHANNEL)
                if "do" not in answer:
                    break
                frames.write(CHANNEL, self._reply(answer))
            self.shared.update(answer["states"], self.value)
            if "stop" in answer:
                raise StopIteration
            if "failed" in answer:
                name, text, failure = answer["failed"]
                kind = getattr(builtins, name, None)
                error = kind(text) if isinstance(kind, type) and issubclass(kind, Exception) else FromTests(f"{name}: {text}")
                error._of_the_tests = failure  # type: ignore[attr-defined]
                raise error
            return self.value(answer["answer"])

    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            import asyncio  # few programs have coroutines, and every cell would carry it

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop


def _references() -> tuple[int, int]:
    """How many references there are to a value that an operation returns, and to an argument, which nobody holds, where `_reply` counts them."""
    value, arguments = list(), [[]]
    return sys.getrefcount(value), sys.getrefcount(arguments[0])


_OF_A_FRESH_VALUE, _OF_AN_ARGUMENT = _references()


class _Iterator:
    """An iterator of the tests'."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._number = server, number

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> Any:
        return self._server.call_back("next", self._number)


def _import_of(value: Any) -> plain.Tree:
    """How the tests can import a module of Python's, or what it defines, themselves; None for what is the program's own."""
    if isinstance(value, types.ModuleType):
        return {"import": [value.__name__, None]} if importable(value.__name__) else None
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    known = isinstance(name, str) and module in SHARED_MODULES and getattr(sys.modules.get(module), name, None) is value  # type: ignore[arg-type]
    return {"import": [module, name]} if known else None


def importable(module: str) -> bool:
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in LIBRARIES


async def _one(awaitable: Any) -> Any:
    return await awaitable


def _seed(server: Server, module: str, *arguments: Any, **keywords: Any) -> None:
    with contextlib.suppress(ImportError):  # the program may load it later; NumPy itself does so with numpy.random
        importlib.import_module(module).seed(*arguments, **keywords)


def _take(server: Server, iterator: Any, count: int) -> list[Any]:
    """At most `count` items more, and fewer where they take their time: one at least, unless there is none. What ends it is raised by itself."""
    items: list[Any] = []
    until = time.monotonic() + TAKING_SECONDS
    try:
        if (error := server.unraised.pop(id(iterator), None)) is not None:
            raise error
        while len(items) < count and (not items or time.monotonic() < until):
            items.append(next(iterator))
    except Exception as error:
        if not items:
            raise
        server.unraised[id(iterator)] = error
    return items


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "name": lambda server, name: server.namespace[name],
    "call": lambda server, object_, *arguments, **keywords: object_(*arguments, **keywords),
    "call named": lambda server, object_, names, count, *arguments: object_(*arguments[:count], **dict(zip(names, arguments[count:], strict=True))),
    "attribute": lambda server, object_, name: getattr(object_, name),
    "set attribute": lambda server, object_, name, value: setattr(object_, name, value),
    "delete attribute": lambda server, object_, name: delattr(object_, name),
    "item": lambda server, object_, key: object_[key],
    "set item": lambda server, object_, key, value: operator.setitem(object_, key, value),
    "delete item": lambda server, object_, key: operator.delitem(object_, key),
    "contains": lambda server, object_, item: item in object_,
    "length": lambda server, object_: len(object_),
    "truth": lambda server, object_: bool(object_),
    "iterate": lambda server, object_: iter(object_),
    "take": _take,
    "text": lambda server, object_: str(object_),
    "representation": lambda server, object_: repr(object_),
    "hash": lambda server, object_: hash(object_),
    "equal": lambda server, object_, other: bool(object_ == other),
    "compare": lambda server, how, object_, other: bool(getattr(operator, how)(object_, other)),
    "operate": lambda server, how, *operands: getattr(operator, how)(*operands),
    "number": lambda server, how, object_: getattr(builtins, how)(object_),
    "isinstance": lambda server, object_, kind: isinstance(object_, kind),
    "issubclass": lambda server, kind, other: issubclass(kind, other),
    "enter": lambda server, object_: object_.__enter__(),
    "exit": lambda server, object_, *what: object_.__exit__(*what),
    "await enter": lambda server, object_: server.loop().run_until_complete(object_.__aenter__()),
    "await exit": lambda server, object_, *what: server.loop().run_until_complete(object_.__aexit__(*what)),
    "aiter": lambda server, object_: object_.__aiter__(),
    "anext": lambda server, object_: server.loop().run_until_complete(_one(object_.__anext__())),
    "task": lambda server, object_: server.number(server.loop().create_task(_one(object_))),
    "await": lambda server, task: server.loop().run_until_complete(task),
    "is async": lambda server, object_: inspect.iscoroutinefunction(object_),
    "seed": _seed,
}
