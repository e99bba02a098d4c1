"""Tests in one process, the program in another: only plain data passes between them.

The program's process serves calls. The tests' process holds the tests, the expected values and the comparison, and stands-ins for the
program's functions and objects. So a program cannot read a test, patch a comparison, or answer with an object that equals everything: its
objects stay with it, and what the tests see of them is a handle, equal to no plain value, that can be called and read.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import re
import sys
import types
from collections.abc import Callable
from typing import Any

from . import frames, plain

CHANNEL = 3
LIBRARIES = ("numpy", "pandas", "sympy")
# From these the tests take a program's imports as their own. Not from all: `unittest.mock.ANY` equals everything.
SHARED_MODULES = frozenset("bisect collections datetime decimal fractions functools heapq itertools math operator re string typing".split())
# What tests mean by these names before a dot, even where they leave the import to the program.
ALIASES = {"np": "numpy", "pd": "pandas", "sp": "sympy"}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda object_, arguments, keywords: object_(*arguments, **keywords),
    "attribute": getattr,
    "item": lambda object_, key: object_[key],
    "length": len,
    "list": list,
    "text": str,
    "equal": lambda object_, other: bool(object_ == other),
    "less": lambda object_, other: bool(object_ < other),
}


def serve(namespace: dict[str, Any]) -> None:
    """The program's side: answer requests until the tests' side hangs up."""
    objects: list[Any] = []

    def handle(value: Any) -> plain.Tree:
        objects.append(value)
        return {"remote": [len(objects) - 1, type(value).__name__]}

    def resolve(kind: str, content: Any) -> Any:
        return objects[content[0]]

    names = [name for name in namespace if isinstance(name, str) and not name.startswith("__")]
    frames.write(CHANNEL, {name: _import_of(namespace[name]) or plain.encode(namespace[name], handle) for name in names})
    while True:
        try:
            operation, arguments = frames.read(CHANNEL)
        except frames.Closed:
            return
        try:
            reply = {"value": plain.encode(OPERATIONS[operation](*plain.decode(arguments, resolve)), handle)}
        except Exception as error:
            reply = {"raised": [type(error).__name__, str(error)[:500]]}
        frames.write(CHANNEL, reply)


def _import_of(value: Any) -> plain.Tree:
    """How the tests can import a module of Python's, or what it defines, themselves; None for what is the program's own."""
    if isinstance(value, types.ModuleType):
        return {"import": [value.__name__, None]} if _importable(value.__name__) else None
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    known = isinstance(name, str) and module in SHARED_MODULES and getattr(sys.modules.get(module), name, None) is value
    return {"import": [module, name]} if known else None


def _importable(module: str) -> bool:
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in LIBRARIES


class Remote:
    """A stand-in for an object that lives in the program's process.

    It equals another stand-in if the program says so, and never a plain value; it has no order towards plain values and no arithmetic.
    """

    def __init__(self, identity: int, type_name: str) -> None:
        object.__setattr__(self, "_remote", [identity, type_name])

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _ask("call", self, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask("attribute", self, name)

    def __getitem__(self, key: Any) -> Any:
        return _ask("item", self, key)

    def __len__(self) -> int:
        return int(_ask("length", self))

    def __iter__(self) -> Any:
        return iter(list(_ask("list", self)))

    def __str__(self) -> str:
        return str(_ask("text", self))

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and bool(_ask("equal", self, other))

    def __lt__(self, other: object) -> Any:
        return bool(_ask("less", self, other)) if isinstance(other, Remote) else NotImplemented

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self._remote[1]} of the program>"


class RaisedByProgram(Exception):
    """The program raised an exception of a type of its own."""


def _encode_stand_in(value: Any) -> plain.Tree:
    if isinstance(value, Remote):
        return {"remote": value._remote}
    raise plain.NotPlain(f"tests can pass plain data and the program's own objects to the program, not {type(value).__name__}")


def _decode_stand_in(kind: str, content: Any) -> Any:
    if kind != "remote":
        raise frames.Closed(f"unknown type {kind!r}")
    return Remote(int(content[0]), str(content[1]))


def _decode_name(kind: str, content: Any) -> Any:
    """What one of the program's names stands for: an import besides what a reply may hold."""
    if kind != "import":
        return _decode_stand_in(kind, content)
    module, name = map(str, content)
    if content[1] is None and _importable(module):
        return importlib.import_module(module)
    if module in SHARED_MODULES and not name.startswith("_"):
        return getattr(importlib.import_module(module), name)
    raise frames.Closed(f"not to be imported: {content!r:.80}")


def _names(source: str) -> dict[str, Any]:
    """The program's names, as the tests may use them. The program may have made the frame up: nothing here is taken on trust.

    Names of Python's own are not its to give, nor are those with two underscores (`__builtins__`).
    """
    given = frames.read(CHANNEL)
    names = {
        name: plain.decode(tree, _decode_name)
        for name, tree in given.items()
        if name.isidentifier() and not name.startswith("__") and not hasattr(builtins, name)
    }
    for name in set(re.findall(r"\b(\w+)\s*\.", source)) & names.keys():
        if _importable(ALIASES.get(name, name)):
            names[name] = importlib.import_module(ALIASES.get(name, name))
    return names


def _ask(operation: str, *arguments: Any) -> Any:
    frames.write(CHANNEL, [operation, plain.encode(list(arguments), _encode_stand_in)])
    reply = frames.read(CHANNEL)
    if "raised" in reply:
        name, text = reply["raised"]
        kind = getattr(builtins, str(name), None)
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (StopIteration, StopAsyncIteration)):
            raise kind(text)  # not those two: they would end the tests' own loops, `for got in map(f, inputs)`, without a word
        raise RaisedByProgram(f"{name}: {text}")
    return plain.decode(reply["value"], _decode_stand_in)


def run_tests(source: str, file_name: str) -> int:
    """The tests' side: run `source`, then every function in it whose name starts with `test`. Writes the verdict to stdout; returns 0.

    The program's names are those of the tests, unless they are Python's own: a program that defines `all`, or a class `math`, does not
    change what the tests mean by `all(...)` and `math.isclose(...)`. They can be imported too, from a module named `solution`.
    """
    try:
        code = compile(source, file_name, "exec")
    except (SyntaxError, ValueError) as error:
        return _verdict("broken", f"{type(error).__name__}: {error}")
    try:
        program = _names(source)
        sys.modules["solution"] = solution = types.ModuleType("solution")
        solution.__dict__.update(program)
        namespace: dict[str, Any] = {"__name__": "tests", **program}
        exec(code, namespace)
        for name, function in list(namespace.items()):
            if name.startswith("test") and isinstance(function, types.FunctionType):
                function()
    except frames.Closed:
        return _verdict("hung up", "the program ended")
    except BaseException as error:
        return _verdict("failed", f"{type(error).__name__}: {error}"[:500])
    return _verdict("passed", "")


def _verdict(verdict: str, reason: str) -> int:
    """Only this end is heard: whatever the tests printed is dropped."""
    os.ftruncate(1, 0)
    os.pwrite(1, json.dumps([verdict, reason]).encode("ascii"), 0)
    os._exit(0)
