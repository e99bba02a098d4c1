"""Calls as tests write them: which function, with what arguments, and what its value may be."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["are_arguments", "arguments_in", "callable_of", "function_name", "named_arguments", "values_in", "with_int_keys", "with_int_keys_first"]

_METHOD = re.compile(r"Solution(?:\(\))?\.([^\W\d]\w*)")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LONGEST = 1_000_000  # characters of arguments by name that are read as Python
_JSON_WORDS = {"true": True, "false": False, "null": None}


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


def named_arguments(text: str) -> list[Any] | None:
    """The values in `nums = [3, 3], target = 6`, as LeetCode writes arguments, in order; None where a text is something else."""
    if "=" not in text or len(text) > _LONGEST:
        return None
    try:
        call = ast.parse(f"f({text.strip()})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not call.keywords or any(keyword.arg is None for keyword in call.keywords):
            return None
        return [ast.literal_eval(_JsonWords().visit(keyword.value)) for keyword in call.keywords]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


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
    """The arguments in a text, and whether they are JSON. Text that is not, in a single line, is one argument itself."""
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        return [json.loads(line) for line in lines], True
    except ValueError:
        pass
    try:
        return [json.loads(text)], True
    except ValueError:
        pass
    if len(lines) > 1:
        raise ValueError(f"the input of a call must have one JSON value a line, got {text!r:.80}")
    return [text], False


def values_in(text: str, is_json: bool) -> list[Any]:
    """What an output in text may mean. With arguments in JSON it is JSON, or a text of its own; else it may be either."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return [value] if is_json else [value, text]


class _JsonWords(ast.NodeTransformer):
    """JSON's words as Python's, which knows them as names."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_JSON_WORDS[node.id]) if node.id in _JSON_WORDS else node
