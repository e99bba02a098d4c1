"""Classes of libraries that a program's objects and exceptions are of, by a name under which the tests' process finds its own.

That an object is an `Axes`, or an exception a `JSONDecodeError`, is what the program says: it decides about `isinstance` and `except`, and about nothing
that is compared. So classes whose objects pass as values (of numbers, texts, containers, dates, arrays) are none of these, nor are those that steer tests.
"""

from __future__ import annotations

import sys
import types
from typing import Any

# Of the sandbox, the program and the tests; and of those whose exceptions mean more than a failure.
_NOT_OF = frozenset("__main__ program prelude tests solution cell builtins pytest unittest doctest".split())
_VALUES = frozenset("numpy pandas sympy collections datetime decimal fractions".split())
_KINDS: dict[Any, str] = {types.GeneratorType: "GeneratorType", types.AsyncGeneratorType: "AsyncGeneratorType"}


def path_of(kind: Any) -> str | None:
    """`module:name` of a library's class; None for others."""
    if kind in _KINDS:
        return f"types:{_KINDS[kind]}"
    path = f"{getattr(kind, '__module__', None)}:{getattr(kind, '__qualname__', None)}"
    return path if _found(path) is kind else None


def exception_at(path: Any) -> type[Exception] | None:
    """The class of exceptions of that path here, if its module is loaded."""
    found = _found(path)
    allowed = found is not None and issubclass(found, Exception) and not issubclass(found, (StopIteration, StopAsyncIteration))
    return found if allowed and all(base.__module__.partition(".")[0] not in _NOT_OF - {"builtins"} for base in found.__mro__) else None


def class_at(path: Any) -> type | None:
    """The class of that path here, if its module is loaded and its objects pass as no values."""
    found = _found(path)
    if found in _KINDS:
        return found
    return (
        found
        if found is not None and all(base is object or base.__module__.partition(".")[0] not in _VALUES | _NOT_OF for base in found.__mro__)
        else None
    )


def _found(path: Any) -> type | None:
    module, _, names = path.partition(":") if isinstance(path, str) else ("", "", "")
    if module.partition(".")[0] in _NOT_OF:
        return None
    found: Any = sys.modules.get(module)
    for name in names.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found if isinstance(found, type) else None
