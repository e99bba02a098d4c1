"""Runs the program, in a child: as a script, for one call, or as a server of calls."""

from __future__ import annotations

import builtins
import io
import json
import linecache
import os
import sys
import types
from typing import Any

from . import plain, serving

PROGRAM, PRELUDE, TESTS = "<program>", "<prelude>", "<tests>"
SCRIPT = "solution.py"
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_ENCODING_FRAMES = 2 * plain.NESTED


def run(job: dict[str, Any], case: dict[str, Any]) -> int:
    """Run one case of a job; returns the exit status."""
    kind = case["kind"]
    if kind == "tests":
        from . import suite  # cells that run tests have it loaded; those of programs are forked faster without unittest and asyncio

        return suite.run(job["program"], TESTS, case)
    # A program may guard what is meant for a script by its name: only a script case is one.
    module = types.ModuleType("__main__" if kind == "script" else "program")
    module.__file__ = os.path.join(os.environ["HOME"], SCRIPT)  # the scratch; abspath() would cost a call
    sys.modules[module.__name__] = module
    sys.argv[:] = [SCRIPT, *case.get("arguments", ())]
    for name, text in case.get("files", {}).items():
        with open(name, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
    program = job["program"]
    if "/dev/std" in program:
        _open_streams_by_name()
    if "setrlimit" in program:
        _leave_the_stack_alone()
    if "inspect" in program:  # which looks a function's text up by the name of its file
        linecache.cache[PROGRAM] = len(program), None, program.splitlines(keepends=True), PROGRAM
    if "__file__" in program or "argv" in program:
        with open(SCRIPT, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(program)
    exec(compile(job.get("prelude", ""), PRELUDE, "exec"), module.__dict__)
    made_before = dict(module.__dict__)
    exec(compile(program, PROGRAM, "exec"), module.__dict__)
    if kind == "call":
        _send_value(_call(module.__dict__, case))
    elif kind == "serve":
        _add_methods(module.__dict__)
        serving.Server(module.__dict__, made_before, case["shared"]).serve()
    return 0


def _call(namespace: dict[str, Any], case: dict[str, Any]) -> Any:
    """Call `function`; or the method of that name of a class Solution, as programming sites have it."""
    name, arguments = case["function"], plain.decode(case["arguments"])
    if name in namespace:
        function = namespace[name]
    elif hasattr(namespace.get("Solution"), name):
        function = getattr(namespace["Solution"](), name)
    else:
        raise NameError(f"the program defines no {name!r}")
    return function(*arguments)


def _add_methods(namespace: dict[str, Any]) -> None:
    """Let tests call the methods of a class Solution by their names, each of a fresh object, where the program has no function of that name."""
    for name, method in list(getattr(namespace.get("Solution"), "__dict__", {}).items()):
        if isinstance(method, types.FunctionType) and not name.startswith("_") and not hasattr(builtins, name):
            namespace.setdefault(name, _Method(namespace["Solution"], name))


class _Method:
    """A method of a fresh object, as a function."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return getattr(self._owner(), self._name)(*arguments, **keywords)


def _send_value(value: Any) -> None:
    data = json.dumps(_tree(value)).encode("ascii")
    while data:
        data = data[os.write(serving.CHANNEL, data) :]


def _tree(value: Any) -> plain.Tree:
    """The tree of a value, in a row where it is nested so deeply that a reader of JSON could not follow."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + _ENCODING_FRAMES)
    try:
        return plain.encode(value, _other)
    except RecursionError:
        pass
    finally:
        sys.setrecursionlimit(before)
    return plain.in_a_row(value)


def _other(value: Any) -> plain.Tree:
    try:
        return plain.like(value, _other)
    except plain.NotPlain:
        return {"object": type(value).__name__}


def _leave_the_stack_alone() -> None:
    """Let programs that recurse deeply raise the limit of their stack, as many do at their start: none may, and it is large enough."""
    import resource

    set_limit = resource.setrlimit

    def setrlimit(which: int, limits: tuple[int, int]) -> None:
        if which != resource.RLIMIT_STACK:
            set_limit(which, limits)

    resource.setrlimit = setrlimit  # type: ignore[assignment]


def _open_streams_by_name() -> None:
    """Let `open("/dev/stdin")` and its like work: behind the walls there are no such files."""
    of_files, of_descriptors = io.open, os.open

    def open_(file: Any, *arguments: Any, **keywords: Any) -> Any:
        stream = _STREAMS.get(file) if isinstance(file, str) else _STREAMS.get(str(file)) if hasattr(file, "__fspath__") else None
        return of_files(file if stream is None else os.dup(stream), *arguments, **keywords)

    def open_descriptor(path: Any, *arguments: Any, **keywords: Any) -> int:
        stream = _STREAMS.get(path) if isinstance(path, str) else None
        return of_descriptors(path, *arguments, **keywords) if stream is None else os.dup(stream)

    builtins.open = io.open = open_  # type: ignore[assignment]
    os.open = open_descriptor  # type: ignore[assignment]
