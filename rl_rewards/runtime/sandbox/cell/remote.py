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

from . import classes, frames, library, plain
from .lent import Borrower
from .restoring import may_change, restore
from .serving import CHANNEL, SHARED_MODULES, importable
from .shared import KINDS, Shared
from .stand_ins import Opaque, RaisedInProgram, StandIn, awaited, like, number_of, stand_in_class

# What tests mean by these names before a dot, even where they leave the import to the program.
ALIASES = {"np": "numpy", "pd": "pandas", "sp": "sympy"}


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
        self._borrowed = Borrower(self.tree)
        self.asked = 0
        self.hung_up = False
        self.unsupported = ""
        self._thread = threading.get_ident()
        self._stand_ins: dict[int, Any] = {}
        self._coroutines: dict[int, int] = {}
        self._exceptions: dict[int, type] = {}
        self._held: dict[int, Any] = {}
        self._numbers_of_held: dict[int, int] = {}
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
        back = self._borrowed.changed()
        trees = [self._argument(argument) for argument in arguments]
        may_keep = operation.startswith(("call", "set"))
        watched = [at for at, (argument, tree) in enumerate(zip(arguments, trees, strict=True)) if may_keep and may_change(argument, tree)]
        keyword_trees = {name: self._argument(value) for name, value in keywords.items()}
        if any(may_change(value, keyword_trees[name]) for name, value in keywords.items()) and operation == "call":
            return self._ask_with_keywords(operation, arguments, keywords)
        reply = self._exchange(
            {"do": operation, "args": trees, "keywords": keyword_trees, "watch": watched, "lent": self._borrowed.numbers, "back": back}
        )
        self.shared.update(reply["states"], self._attribute)
        for at in watched:
            if str(at) in reply.get("changed", {}):
                restore(arguments[at], self.value(reply["changed"][str(at)]))
            if str(at) in reply.get("kept", {}):
                self._borrowed.borrow(int(reply["kept"][str(at)]), arguments[at], reply["changed"].get(str(at), trees[at]))
        self._borrowed.update(reply.get("lent", {}), self.value)
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

    def _argument(self, value: Any) -> plain.Tree:
        number = self._borrowed.number_of(value)
        return self.tree(value) if number is None else {"lent": number}

    def _other(self, value: Any) -> plain.Tree:
        number = number_of(value)
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
        number = self._numbers_of_held.setdefault(id(value), len(self._held))
        self._held[number] = value
        return number

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
            return self._stand_in(int(content[0]), str(content[1]), str(content[2]), classes.class_at(content[3]))
        if kind == "lent":
            return self._borrowed.borrow(int(content[0]), self.value(content[1]), content[1])
        if kind == "exception":
            return self._exception_class(content)
        if kind == "like":
            exact, (handle,) = self.value(content[0]), content[1].values()
            return like(exact, self, int(handle[0]))
        if kind in KINDS:
            return self.shared.decode(kind, content, self.value)
        if kind == "made":
            return library.decode(content, self.value)
        raise frames.Closed(f"unknown type {kind!r}")

    def _stand_in(self, number: int, type_name: str, abilities: str, of_library: type | None) -> Any:
        if number not in self._stand_ins:
            if "w" in abilities:
                self._stand_ins[number] = coroutine = awaited(self, number)
                self._coroutines[id(coroutine)] = number
            else:
                self._stand_ins[number] = stand_in_class(abilities)(self, number, type_name, of_library)
        return self._stand_ins[number]

    def _exception_class(self, content: Any) -> type:
        """A class of the program's, or of a library, that tests can catch: a class of this side's, with the same bases."""
        own, base = content
        made = getattr(builtins, str(base), Exception)
        if not (isinstance(made, type) and issubclass(made, Exception)) or issubclass(made, (StopIteration, StopAsyncIteration)):
            made = Exception
        for at, (_, _, path) in enumerate(own):
            if (of_library := classes.exception_at(path)) is not None:
                own, made = own[: at + 1], of_library
                break
        for number, name, _ in reversed(own):
            if number not in self._exceptions:
                bases = (made,) if issubclass(made, RaisedInProgram) else (RaisedInProgram, made)
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
            error = kind(*arguments) if all(path is None for _, _, path in own) else _made_of(kind, arguments)
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
        names: dict[str, Any] = {
            name: self.ask("name", name) if tree is None else plain.decode(tree, self._import)
            for name, tree in self.read()["names"].items()
            if name in words
            and name.isidentifier()
            and not name.startswith("__")
            and (name in wanted or (not hasattr(builtins, name) and name not in kept))
        }
        for name in set(re.findall(r"\b(\w+)\s*\.", source)) & names.keys():
            module = str(ALIASES.get(name) or name)
            if importable(module):
                names[name] = _meant(importlib.import_module(module), set(re.findall(rf"\b{name}\s*\.\s*(\w+)", source)))
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


def _meant(module: types.ModuleType, attributes: set[str]) -> Any:
    """The module, or its class of the same name where tests read what only that has: `datetime.now()`."""
    kind = vars(module).get(module.__name__)
    of_class = isinstance(kind, type) and all(hasattr(kind, name) for name in attributes)
    return kind if of_class and not all(hasattr(module, name) for name in attributes) else module


def _made_of(kind: type[BaseException], arguments: list[Any]) -> BaseException:
    """An exception of a library's class, whose `__init__` may want what its `args` do not tell."""
    error = kind.__new__(kind)
    error.args = tuple(arguments)
    return error


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
