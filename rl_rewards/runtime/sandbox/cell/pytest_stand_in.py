"""As much of pytest as tests of a single file use: functions, classes, parametrize, fixtures, raises, approx.

The real one collects by importing and rewrites what it finds; here tests are already at hand, and a child that runs one test must start fast.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import math
import re
import types
import unittest
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .remote import Channel

Skipped = unittest.SkipTest


class NoFixture(Exception):
    """A test asks for a fixture that nobody defines."""


class _Raises:
    """`with pytest.raises(ValueError, match="...") as info`."""

    def __init__(self, expected: Any, match: str | None = None, check: Callable[[BaseException], bool] | None = None) -> None:
        self._expected, self._match, self._check = expected, match, check
        self.value: BaseException | None = None
        self.type: type | None = None

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        if error is None:
            raise AssertionError(f"did not raise {self._expected}")
        if not isinstance(error, self._expected):
            return False
        self.value, self.type = error, kind
        if self._match is not None and not re.search(self._match, str(error)):
            raise AssertionError(f"{str(error)!r:.200} does not match {self._match!r}")
        if self._check is not None and not self._check(error):
            raise AssertionError(f"{error!r:.200} is not as it should be")
        return True

    def match(self, pattern: str) -> bool:
        assert re.search(pattern, str(self.value)), f"{str(self.value)!r:.200} does not match {pattern!r}"
        return True


def _raises(expected: Any, *call: Any, match: str | None = None, check: Any = None, **keywords: Any) -> Any:
    context = _Raises(expected, match, check)
    if not call:
        return context
    with context:
        call[0](*call[1:], **keywords)
    return context


class _Approx:
    """`pytest.approx(3.3, rel=1e-6, abs=1e-12)`, of numbers, lists, dicts and arrays."""

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, other: object) -> bool:
        return self._same(self._expected, other)

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"

    def _same(self, expected: Any, given: Any) -> bool:
        if hasattr(expected, "tolist"):
            expected = expected.tolist()
        if type(given).__module__ == "numpy":
            given = given.tolist()
        if isinstance(expected, Mapping):
            return isinstance(given, Mapping) and expected.keys() == given.keys() and all(self._same(expected[key], given[key]) for key in expected)
        if isinstance(expected, (list, tuple)):
            is_alike = isinstance(given, (list, tuple)) and len(given) == len(expected)
            return is_alike and all(map(self._same, expected, given))  # type: ignore[arg-type]
        if isinstance(expected, bool) or not isinstance(expected, (int, float)) or not isinstance(given, (int, float)):
            return bool(expected == given)
        if math.isnan(expected):
            return self._nan_ok and math.isnan(given)
        if math.isinf(expected) or math.isinf(given):
            return expected == given
        relative = 1e-6 if self._rel is None and self._abs is None else self._rel or 0.0
        return abs(expected - given) <= max(relative * abs(expected), 1e-12 if self._abs is None else self._abs)


class _Mark:
    """`pytest.mark`: parametrize, skip, skipif and xfail mean something; the others only name."""

    def __getattr__(self, name: str) -> Any:
        def decorate(*arguments: Any, **keywords: Any) -> Any:
            if len(arguments) == 1 and not keywords and (inspect.isfunction(arguments[0]) or inspect.isclass(arguments[0])):
                return _marked(arguments[0], name, (), {})  # `@pytest.mark.skip` without a call
            return lambda target: _marked(target, name, arguments, keywords)

        return decorate


def _marked(target: Any, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    target.pytestmark = [(name, arguments, keywords), *vars(target).get("pytestmark", [])]
    return target


class _Parameters:
    """`pytest.param(1, 2, marks=...)`."""

    def __init__(self, *values: Any, marks: Any = (), id: str | None = None) -> None:
        self.values, self.is_skipped = values, bool(marks)


def _fixture(
    function: Any = None, *, scope: str = "function", params: Any = None, autouse: bool = False, ids: Any = None, name: str | None = None
) -> Any:
    def decorate(target: Any) -> Any:
        target._fixture = (scope, params, autouse, name or target.__name__)
        return target

    return decorate if function is None else decorate(function)


def _skip(reason: str = "", **_: Any) -> None:
    raise Skipped(reason)


def _fail(reason: str = "", pytrace: bool = True, **_: Any) -> None:
    raise AssertionError(reason)


def make(channel: Channel) -> types.ModuleType:
    """The module that tests import as pytest. What it lacks is `unsupported`, by name."""
    module = types.ModuleType("pytest")

    def lacking(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise channel.refuse(f"pytest.{name}")

    module.__dict__.update(
        raises=_raises, approx=_Approx, mark=_Mark(), param=_Parameters, fixture=_fixture, skip=_skip, fail=_fail, xfail=_skip, __getattr__=lacking
    )
    return module


class Runner:
    """Runs test functions and classes with the fixtures that the tests define."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._fixtures = _fixtures_of(namespace.values())
        self._namespace = namespace
        self._kept: dict[str, Any] = {}

    def run_class(self, kind: type) -> None:
        """Run the test methods of a class, each on an object of its own."""
        if _is_skipped(kind):
            return
        inherited = {name: value for each in reversed(kind.__mro__) for name, value in vars(each).items()}
        fixtures = _fixtures_of(inherited.values())
        _call_if_there(kind, "setup_class")
        for name, method in inherited.items():
            if name.startswith("test") and inspect.isfunction(method):
                self.run_function(method, kind, fixtures)
        _call_if_there(kind, "teardown_class")

    def run_function(self, function: Any, kind: type | None = None, fixtures: Mapping[str, Any] | None = None) -> None:
        """Run a test function, once for each of its parameters."""
        if _is_skipped(function):
            return
        known = {**self._fixtures, **(fixtures or {})}
        for given in _parametrized(function, kind):
            for choice in self._choices(function, known, given):
                try:
                    self._run_once(function, kind() if kind is not None else None, known, {**given, **choice})
                except Skipped:
                    continue

    def _choices(self, function: Any, known: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The values of `request.param`, of every fixture with params that the function takes."""
        names = [name for name in _arguments(function) if name in known and name not in given and known[name]._fixture[1] is not None]
        for values in itertools.product(*(known[name]._fixture[1] for name in names)):
            yield {f"request of {name}": value for name, value in zip(names, values, strict=True)}

    def _run_once(self, function: Any, instance: Any, known: Mapping[str, Any], given: dict[str, Any]) -> None:
        after: list[Any] = []
        made: dict[str, Any] = dict(given)

        def value_of(name: str) -> Any:
            if name in made:
                return made[name]
            if name in self._kept:
                return self._kept[name]
            if name == "self":
                return instance
            if name not in known:
                raise NoFixture(f"a test takes {name!r}, which is no parameter and no fixture of the tests; they have {sorted(known)}")
            fixture = known[name]
            request = types.SimpleNamespace(param=given.get(f"request of {name}"), node=types.SimpleNamespace(name=function.__name__))
            value = fixture(**{argument: request if argument == "request" else value_of(argument) for argument in _arguments(fixture)})
            value = _finished(value)
            if inspect.isgenerator(value):
                after.append(value)
                value = next(value)
            (made if fixture._fixture[0] == "function" else self._kept)[name] = value
            return value

        if instance is None:
            _call_if_there(types.SimpleNamespace(f=self._namespace.get("setup_function")), "f", function)
        else:
            _call_if_there(instance, "setup_method", function)
        try:
            for name, fixture in known.items():
                if fixture._fixture[2]:
                    value_of(name)
            _finished(function(**{name: value_of(name) for name in _arguments(function)}))
        finally:
            for generator in reversed(after):
                next(generator, None)
            if instance is not None:
                _call_if_there(instance, "teardown_method", function)


def _fixtures_of(values: Iterable[Any]) -> dict[str, Any]:
    """The fixtures among some values, by name."""
    return {value._fixture[3]: value for value in values if hasattr(value, "__code__") and hasattr(value, "_fixture")}


def _arguments(function: Any) -> list[str]:
    """The parameters that a test or fixture takes without a default."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


def _call_if_there(owner: Any, name: str, function: Any = None) -> None:
    method = getattr(owner, name, None)
    if method is not None:
        method(function) if len(inspect.signature(method).parameters) else method()


def _finished(value: Any) -> Any:
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def _is_skipped(target: Any) -> bool:
    for name, arguments, _ in getattr(target, "pytestmark", ()):
        if name in ("skip", "xfail") or (name == "skipif" and arguments and arguments[0]):
            return True
    return bool(getattr(target, "__unittest_skip__", False))


def _parametrized(function: Any, kind: type | None) -> Iterator[dict[str, Any]]:
    marks = [*getattr(function, "pytestmark", ()), *getattr(kind, "pytestmark", ())]
    tables = []
    for name, arguments, keywords in marks:
        if name != "parametrize":
            continue
        names, rows = [*arguments, *(keywords[key] for key in ("argnames", "argvalues") if key in keywords)][:2]
        names = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
        table = []
        for row in rows:
            if isinstance(row, _Parameters):
                if row.is_skipped:
                    continue
                row = row.values if len(names) > 1 else row.values[0]
            table.append(dict(zip(names, row, strict=True)) if len(names) > 1 else {names[0]: row})
        tables.append(table)
    for rows in itertools.product(*tables):
        yield {name: value for row in rows for name, value in row.items()}
