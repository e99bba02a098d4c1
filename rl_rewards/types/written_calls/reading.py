"""What is between the marks of a tool call: JSON, tags, Python calls, and what single families of models write."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from rl_rewards.json_text import finite_number, load_json, refuse_constant

__all__ = ["UntypedText", "calls_of_body", "deepseek_call", "kimi_call", "mistral_calls", "whole_text_calls"]

_WORDS = {"True": True, "False": False, "None": None}  # as Python writes them, and so the chat template
_JSON_WORDS = {"true": True, "false": False, "null": None}
_LONGEST = 50_000  # characters of calls as Python code; its parser takes more memory than the text
_NAME = re.compile(r"[\w.\-]+")
_UNQUOTED_KEY = re.compile(r"([{,]\s*)([\w\-]+)\s*:")
_SEPARATORS = " \t\r\n;,"
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite_number)


class UntypedText(str):
    """An argument whose type is not written: `3` between tags is the number or the text, as the tool has it."""

    __slots__ = ()

    def readings(self) -> tuple[Any, ...]:
        """What it may be: the text, and the JSON value in it."""
        try:
            return str(self), _WORDS[self] if self in _WORDS else load_json(self)
        except ValueError:
            return (str(self),)


def calls_of_body(body: str) -> list[Any]:
    """The calls in a block, whichever way they are written; the text itself where it cannot be read."""
    text = body.strip().removeprefix("<|plugin|>").strip()
    return _json(text) or _tagged(text) or _invoked(text) or _keyed(text) or _gemma(text) or _python(text) or [body]


def whole_text_calls(text: str) -> list[Any]:
    """The calls that a text without marks is: `{"name", "parameters"}` (Llama 3, xLAM), `[f(a=1)]` (Llama 4), `functools[...]` (Phi-4).

    JSON is a call only with a name and an object of arguments, for it may as well be an answer.
    """
    text = text.strip()
    if text.startswith("functools["):
        return _json(text.removeprefix("functools")) or [text]
    if text.startswith(("{", "[")):
        calls = _json(text)
        if calls and all(map(_is_whole_call, calls)):
            return calls
    return _python(text) if text.startswith("[") and text.endswith(")]") else []


def _is_whole_call(call: Any) -> bool:
    inner = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        return False
    arguments = inner.get("arguments", inner.get("parameters"))
    return isinstance(arguments, Mapping) or (isinstance(arguments, str) and arguments.lstrip().startswith("{"))


def mistral_calls(body: str) -> list[Any]:
    """`[{...}]`, or `name[ARGS]{...}` with `[CALL_ID]...` between them, or `name{...}`."""
    text = body.strip().removesuffix("</s>").strip()
    if text.startswith(("[", "{")):
        return _json(text) or [body]
    name = _NAME.match(text)
    place = text.find("{")
    return [{"name": name[0], "arguments": text[place:]}] if name is not None and place >= 0 else [body]


def kimi_call(body: str) -> list[Any]:
    """`functions.name:0<|tool_call_argument_begin|>{...}`."""
    written, mark, arguments = body.partition("<|tool_call_argument_begin|>")
    name, _, number = written.strip().removeprefix("functions.").rpartition(":")
    return [{"name": name, "arguments": arguments, "id": written.strip()}] if mark and name and number.isdigit() else [body]


def deepseek_call(body: str) -> list[Any]:
    """`name<｜tool▁sep｜>{...}` (V3.1), or `function<｜tool▁sep｜>name` and the arguments in a fenced block (V3, R1)."""
    name, mark, arguments = body.partition("<｜tool▁sep｜>")
    if not mark:
        return calls_of_body(body)
    if not arguments.lstrip().startswith("{"):
        name, _, arguments = arguments.strip().partition("\n")
        arguments = arguments.strip().removeprefix("```json").removesuffix("```")
    return [{"name": name.strip(), "arguments": arguments}]


def _json(text: str) -> list[Any]:
    """JSON values one after the other, in a list or not; nothing where the text is something else."""
    if not text.startswith(("{", "[")):
        return []
    values, place = [], 0
    try:
        while place < len(text):
            value, place = _DECODER.raw_decode(text, place)
            values += value if isinstance(value, list) else [value]
            while place < len(text) and text[place] in _SEPARATORS:
                place += 1
    except (ValueError, RecursionError):
        return []
    return [_cohere(value) for value in values]


def _cohere(value: Any) -> Any:
    return {**value, "name": value["tool_name"]} if isinstance(value, dict) and "tool_name" in value and "name" not in value else value


def _tagged(text: str) -> list[Any]:
    """`<function=weather><parameter=city>Bern</parameter></function>`, or with JSON between the tags (Llama 3.1)."""
    calls = []
    for written in text.split("<function=")[1:] if text.startswith("<function=") else ():
        name, closed, rest = written.partition(">")
        if not closed or not name.strip():
            return []
        rest = rest.strip().removesuffix("</function>").strip()
        arguments: Any = rest if rest.startswith("{") else _parameters(rest.split("<parameter=")[1:])
        if arguments is None:
            return []
        calls.append({"name": name.strip(), "arguments": arguments})
    return calls


def _parameters(written: list[str]) -> dict[str, Any] | None:
    """Arguments as `city>Bern</parameter>`; None where one of them has no end of its opening tag."""
    arguments = {}
    for part in written:
        key, closed, value = part.partition(">")
        if not closed:
            return None
        arguments[key.strip()] = UntypedText(_inner(value, "</parameter>"))
    return arguments


def _inner(value: str, close: str) -> str:
    """What is between two tags, without the line breaks that the template puts around it."""
    return value.rstrip().removesuffix(close).removeprefix("\n").removesuffix("\n")


def _invoked(text: str) -> list[Any]:
    """`<invoke name="weather"><parameter name="city">Bern</parameter></invoke>`; DeepSeek V3.2 says of each value whether it is text."""
    calls = []
    for written in text.replace("｜DSML｜", "").split("<invoke name=")[1:]:
        name, closed, rest = written.partition(">")
        if not closed:
            return []
        arguments = {}
        for part in rest.partition("</invoke>")[0].split("<parameter name=")[1:]:
            key, closed, value = part.partition(">")
            if not closed:
                return []
            key, _, attributes = key.strip().lstrip("\"'").partition('"')
            is_text = 'string="true"' in attributes
            arguments[key.strip(" '")] = _inner(value, "</parameter>") if is_text else UntypedText(_inner(value, "</parameter>"))
        calls.append({"name": name.strip(" \"'"), "arguments": arguments})
    return calls


def _keyed(text: str) -> list[Any]:
    """GLM: a name, and `<arg_key>city</arg_key><arg_value>Bern</arg_value>` for each argument."""
    name, *pairs = text.split("<arg_key>")
    if _NAME.fullmatch(name.strip()) is None:
        return []
    arguments = {}
    for pair in pairs:
        key, closed, value = pair.partition("</arg_key>")
        _, opened, value = value.partition("<arg_value>")
        if not closed or not opened:
            return []
        arguments[key.strip()] = UntypedText(_inner(value, "</arg_value>"))
    return [{"name": name.strip(), "arguments": arguments}]


def _gemma(text: str) -> list[Any]:
    """`call:weather{city:<|"|>Bern<|"|>}`: JSON with keys without quotation marks, and marks of its own around text."""
    if not text.startswith("call:") or (place := text.find("{")) < 0:
        return []
    parts = text[place:].replace("<escape>", '<|"|>').split('<|"|>')
    written = "".join(json.dumps(part) if i % 2 else _UNQUOTED_KEY.sub(r'\1"\2":', part) for i, part in enumerate(parts))
    return [{"name": text[len("call:") : place].strip(), "arguments": written}]


def _python(text: str) -> list[Any]:
    """Calls as Python writes them, one a line or in a list, with arguments by name: `[weather(city="Bern")]`."""
    if len(text) > _LONGEST or not text.endswith((")", "]")):
        return []
    try:
        lines = [line.value for line in ast.parse(text).body if isinstance(line, ast.Expr)]
        return [_python_call(call) for line in lines for call in (line.elts if isinstance(line, ast.List) else [line])]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _python_call(node: ast.expr) -> dict[str, Any]:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("not a call with arguments by name")
    name = ast.unparse(node.func)
    if _NAME.fullmatch(name) is None:
        raise ValueError("not a call of a name")
    return {"name": name, "arguments": {keyword.arg or "": _literal(keyword.value) for keyword in node.keywords}}


def _literal(node: ast.expr) -> Any:
    """The value of a literal, of Python or JSON.

    Raises:
        ValueError: when it is anything else.
    """
    match node:
        case ast.Constant(value=str() | int() | float() | None):
            return node.value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {str(_literal(key)) if key is not None else "": _literal(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=word) if word in _JSON_WORDS:
            return _JSON_WORDS[word]
    raise ValueError("not a literal")
