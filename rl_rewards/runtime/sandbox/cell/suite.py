"""Runs tests, in the tests' process: the text itself, then test functions and classes as pytest and unittest find them. Says how they ended.

Nothing of this is ever in the program's process, and only what is written here is heard: whatever the tests print is dropped.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import json
import os
import random
import sys
import types
import unittest
from collections.abc import Callable
from typing import Any

from . import pytest_stand_in
from .remote import Channel, Unsupported
from .serving import DEPTH
from .stand_ins import StandIn

COUNTER = "__checked__"
USED = "__used__"  # whether the tests read data of the program's, which it may have made empty


class _Failed(Exception):
    """A test failed, and says why."""


def run(source: str, file_name: str, case: dict[str, Any]) -> int:
    """Run the tests of a case, {shared, names, prelude, counted}, against the program at the other end. Writes the verdict to stdout; never returns."""
    sys.setrecursionlimit(max(DEPTH, sys.getrecursionlimit()))
    try:
        code = compile(source, file_name, "exec")
    except (SyntaxError, ValueError) as error:
        return _verdict("broken", f"the tests do not compile: {type(error).__name__}: {error}")
    namespace: dict[str, Any] = {}
    channel = Channel(case["shared"], namespace, case["program_classes"])
    checks = [0]
    word, reason = _run(code, source, case, namespace, channel, checks)
    if channel.unsupported:
        return _verdict("unsupported", channel.unsupported)
    if channel.hung_up:
        return _verdict("hung up", "the program ended")
    if word == "passed" and case["counted"] and not checks[0]:
        if not channel.asked and not namespace.get(USED):
            return _verdict("broken", "no test ran: no check was reached, and the program was never used")
        return _verdict("failed", "the tests ended before they checked anything")
    return _verdict(word, reason)


def _run(code: types.CodeType, source: str, case: dict[str, Any], namespace: dict[str, Any], channel: Channel, checks: list[int]) -> tuple[str, str]:
    try:
        _fill(namespace, source, case, channel, checks)
        with_stand_ins = pytest_stand_in.make(channel)
        sys.modules["pytest"] = with_stand_ins
        main = _leave_discovery_to_us(with_stand_ins)
        _load_submodules(source)
        _mirror_seeds(channel)
        try:
            exec(code, namespace)
        except SystemExit as error:
            if error.code not in (None, 0, False) or not (case["counted"] or main):
                raise
        _run_found(namespace)
    except Unsupported as error:
        return "unsupported", str(error)
    except pytest_stand_in.NoFixture as error:
        return "broken", str(error)
    except ModuleNotFoundError as error:
        # The name is there only where an import here failed, not where the program raised it.
        return ("unsupported", f"module {error.name}, which tests import") if error.name else ("failed", _line(error, source))
    except BaseException as error:
        return "failed", _line(error, source)
    return "passed", ""


def _fill(namespace: dict[str, Any], source: str, case: dict[str, Any], channel: Channel, checks: list[int]) -> None:
    """What the tests see: Python's and the prelude's names before the program's, unless the tests are about that very name."""
    prelude: dict[str, Any] = {"__name__": "prelude"}
    exec(compile(case["prelude"], "<prelude>", "exec"), prelude)
    wanted = frozenset(case["names"])
    namespace.update((name, value) for name, value in prelude.items() if not name.startswith("__"))
    program = channel.names(source, wanted, frozenset(namespace) - wanted)
    sys.modules["solution"] = solution = types.ModuleType("solution")
    solution.__dict__.update({**program, **{name: namespace[name] for name in case["shared"] if name in namespace}})

    def checked() -> None:
        checks[0] += 1

    used = any(name in case["uses"] and not isinstance(value, (StandIn, types.ModuleType)) for name, value in program.items())
    namespace.update({**program, USED: used, "__name__": "__main__", "__file__": os.path.abspath("tests.py"), COUNTER: checked})


def _load_submodules(source: str) -> None:
    """Load `matplotlib.text` where tests read it of `import matplotlib`: with the program in their process, its imports had loaded it."""
    tree = ast.parse(source)
    imported = {alias.asname or alias.name: alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    reads = {(node.value.id, node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    for name, attribute in sorted(reads):
        if imported.get(name, "solution") not in ("solution", "pytest"):
            with contextlib.suppress(Exception):  # what is not there is for the tests themselves to miss
                if not hasattr(importlib.import_module(imported[name]), attribute):
                    importlib.import_module(f"{imported[name]}.{attribute}")


def _mirror_seeds(channel: Channel) -> None:
    """A seed that tests set counts for the program's process, too."""

    def mirrored(module: str, seed: Callable[..., Any]) -> Callable[..., Any]:
        def both(*arguments: Any, **keywords: Any) -> Any:
            channel.ask("seed", module, *arguments, **keywords)
            channel.asked -= 1
            return seed(*arguments, **keywords)

        return both

    random.seed = mirrored("random", random.seed)
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"]
        numpy.random.seed = mirrored("numpy.random", numpy.random.seed)


def _leave_discovery_to_us(pytest: types.ModuleType) -> list[bool]:
    """`unittest.main()` and its like do nothing: whatever they would find is found below. Returns a list that is filled when one is called."""
    called: list[bool] = []

    def main(*_: Any, **__: Any) -> int:
        called.append(True)
        return 0

    unittest.main = pytest.main = main  # type: ignore[assignment,misc]
    unittest.TextTestRunner.run = lambda self, test: called.append(True) or unittest.TestResult()  # type: ignore[method-assign,assignment]
    return called


def _run_found(namespace: dict[str, Any]) -> None:
    """Run the test functions and classes that the tests define."""
    found = [(name, value) for name, value in namespace.items() if getattr(value, "__module__", None) == "__main__"]
    runner = pytest_stand_in.Runner(namespace)
    for name, value in found:
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            _run_unittest(value)
        elif isinstance(value, type) and name.startswith("Test") and "__init__" not in vars(value):
            runner.run_class(value)
        elif name.startswith("test") and inspect.isfunction(value):
            runner.run_function(value)


def _run_unittest(kind: type[unittest.TestCase]) -> None:
    result = unittest.TestResult()
    result.failfast = True
    unittest.defaultTestLoader.loadTestsFromTestCase(kind).run(result)
    for test, text in (*result.errors, *result.failures):
        raise _Failed(f"{str(test).partition(' ')[0]}: {text.strip().rpartition(chr(10))[2]}")
    if result.unexpectedSuccesses:
        raise _Failed(f"{result.unexpectedSuccesses[0]}: passed, and was expected to fail")


def _line(error: BaseException, source: str) -> str:
    """The error, with the test it comes from where it says nothing itself."""
    if isinstance(error, _Failed):
        return str(error)[:500]
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, AssertionError) and not str(error):
        trace, line = error.__traceback__, 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<tests>":
                line = trace.tb_lineno
            trace = trace.tb_next
        lines = source.split("\n")
        text += lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return text[:500]


def _verdict(word: str, reason: str) -> int:
    os.ftruncate(1, 0)
    os.pwrite(1, json.dumps([word, reason]).encode("ascii"), 0)
    os._exit(0)
