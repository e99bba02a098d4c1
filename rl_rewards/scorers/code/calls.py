"""Calls as tests write them: which function, with what arguments, and what its value may be."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "are_arguments",
    "arguments_in",
    "callable_of",
    "function_name",
    "is_method",
    "named_arguments",
    "values_in",
    "with_int_keys",
    "with_int_keys_first",
]

_METHOD = re.compile(r"Solution(?:\(\))?\.([^\W\d]\w*)")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LONGEST = 1_000_000  # characters of arguments by name that are read as Python
_WORDS = {"true": True, "false": False, "null": None, "inf": math.inf, "nan": math.nan}


def callable_of(written: str) -> str:
    """The expression for a function under test: a name, or `Solution().name` for what is written `Solution.name`."""
    return _METHOD.sub(r"Solution().\1", written.strip())


def function_name(written: Any) -> str:
    """The name of the function of a test, or of the method that `Solution().name` is.

    Raises:
        ValueError: when it is no name, so that no program could define it.
    """
    name = str(written).strip()
    if (method := _METHOD.fullmatch(name)) is not None:
        return method[1]
    if not name.isidentifier():
        raise ValueError(f"the function of a test must be a name, or Solution().name for a method, got {name!r:.80}")
    return name


def is_method(function: str | None) -> bool:
    """Whether it is a method of class Solution, which no test of standard input is about."""
    return function is not None and _METHOD.fullmatch(function) is not None


def named_arguments(text: str) -> list[Any] | None:
    """The values in `nums = [3, 3], target = 6`, as LeetCode writes arguments, in order; None where a text is something else."""
    call = _call_of(text) if "=" in text else None
    if call is None or call.args or not call.keywords or any(keyword.arg is None for keyword in call.keywords):
        return None
    return _literals([keyword.value for keyword in call.keywords])


def are_arguments(inputs: Any) -> bool:
    """Whether every input is arguments by name, so that it is no standard input."""
    texts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    return bool(texts) and all(isinstance(text, str) and named_arguments(text) is not None for text in texts)


def with_int_keys(value: Any) -> Any:
    """A value whose objects have integers as keys again, which JSON made text of; as it is where other text is among them."""
    try:
        return _keyed(value)
    except RecursionError:  # nested by the hundred: no table of numbers
        return value


def _keyed(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_keyed(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    integers = bool(value) and all(isinstance(key, str) and _INTEGER.fullmatch(key) for key in value)
    return {int(key) if integers else key: _keyed(item) for key, item in value.items()}


def with_int_keys_first(given: Any) -> Any:
    """Arguments whose first one has integers as keys, if its keys are such text: as APPS's evaluation reads its table."""
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], Mapping):
        return [with_int_keys(given[0]), *given[1:]]
    return given


def arguments_in(text: str) -> tuple[list[Any], bool]:
    """The arguments in a text, and whether they are JSON. They may be Python's literals, separated by commas; other text in a single line is one itself."""
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        return [json.loads(line) for line in lines], True
    except ValueError:
        pass
    try:
        return [json.loads(text)], True
    except ValueError:
        pass
    if text.lstrip()[:1] in ("[", "{", '"', "'") and (call := _call_of(text)) is not None and not call.keywords:
        values = _literals(call.args)
        if values is not None:
            return values, False
    if len(lines) > 1:
        raise ValueError(f"the input of a call must have one JSON value a line, got {text!r:.80}")
    return [text], False


def values_in(text: str, is_json: bool) -> list[Any]:
    """What an output in text may mean. With arguments in JSON it is JSON; else, and where it is none, a literal of Python's or a text of its own."""
    try:
        value = json.loads(text)
    except ValueError:
        call = _call_of(text)
        values = _literals(call.args) if call is not None and not call.keywords else None
        return [*values, text] if values is not None and len(values) == 1 else [text]
    return [value] if is_json else [value, text]


def _call_of(text: str) -> ast.Call | None:
    """A call with what a text holds between its parentheses; None for text that is no such thing."""
    try:
        call = ast.parse(f"f({text.strip()})", mode="eval").body if len(text) <= _LONGEST else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return call if isinstance(call, ast.Call) else None


def _literals(nodes: list[ast.expr]) -> list[Any] | None:
    """The values of literals; None where one is something else."""
    try:
        return [ast.literal_eval(_Words().visit(node)) for node in nodes]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


class _Words(ast.NodeTransformer):
    """JSON's words, and how Python prints floats that are no numbers, as constants: Python knows them as names."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node
