"""What Monty runs around a program: `input`, plain data as JSON text, and stand-ins for a program's functions."""

from __future__ import annotations

import re
import secrets

# Python as Monty has it. The defaults keep the builtins from programs that call a variable `list` or `str`.
PRELUDE = """
import json as __json
def __make_input(text, show=print, len=len):
    lines = text.split("\\n")
    if lines[-1] == "":
        lines.pop()
    at = [0]
    def read(prompt=""):
        if prompt != "":
            show(prompt, end="")
        if at[0] == len(lines):
            raise NotImplementedError("The monty syntax parser does not yet support EOFError")
        at[0] += 1
        return lines[at[0] - 1]
    return read
def __encode(
    value, kind=type, text=str, int=int, float=float, list=list, tuple=tuple, set=set, frozenset=frozenset, dict=dict, bytes=bytes,
    hex=hex, chr=chr
):
    if value is None or value is True or value is False:
        return value
    k = kind(value)
    if k is int:
        return value if -(2 ** 53) < value < 2 ** 53 else {"int": hex(value)}
    if k is float or k is text:
        return value
    if k is list:
        return [__encode(item) for item in value]
    if k is tuple:
        return {"tuple": [__encode(item) for item in value]}
    if k is set:
        return {"set": [__encode(item) for item in value]}
    if k is frozenset:
        return {"frozenset": [__encode(item) for item in value]}
    if k is dict:
        return {"dict": [[__encode(key), __encode(item)] for key, item in value.items()]}
    if k is bytes:
        return {"bytes": "".join([chr(byte) for byte in value])}
    return {"object": text(k)}
def __decode(tree):
    if type(tree) is list:
        return [__decode(item) for item in tree]
    if type(tree) is not dict:
        return tree
    for kind, content in tree.items():
        if kind == "int":
            return int(content, 16)
        if kind == "tuple":
            return tuple([__decode(item) for item in content])
        if kind == "set":
            return set([__decode(item) for item in content])
        if kind == "frozenset":
            return frozenset([__decode(item) for item in content])
        if kind == "dict":
            return {__decode(pair[0]): __decode(pair[1]) for pair in content}
        if kind == "bytes":
            return bytes([ord(letter) for letter in content])
    raise NotImplementedError("The monty syntax parser does not yet support objects of the program's own classes in tests")
def __write(value, limit, dumps=__json.dumps, encode=__encode, len=len):
    text = dumps(encode(value))
    return text if len(text) <= limit else None
def __too_long(error, len=len, text=str):
    return len(text(error)) > 10000
def __read(text, loads=__json.loads, decode=__decode):
    return decode(loads(text))
"""
# A program must not know the names of the prelude: with a `__write` of its own it could hand this process a value to choke on, not a text.
PRELUDE = re.sub(r"__(make_input|encode|decode|write|read|too_long|json)\b", rf"__\1_{(_TOKEN := secrets.token_hex(8))}", PRELUDE)
# The value of a program's last line would come to this process as it is. An empty line first: a program that ends in a backslash would go on with this.
NOTHING = "\n\nNone"
INPUT = f"\ninput = __make_input_{_TOKEN}(__stdin)\n"
# The message of an uncaught exception comes to this process whole, so a long one is replaced by another.
_GUARDED = f"try:\n    {{}}\nexcept BaseException as __error:\n    if __too_long_{_TOKEN}(__error):\n        raise RuntimeError('an exception with a long message') from None\n    raise\n"
RUN = _GUARDED.format("exec(__program)") + "None"
CALL = _GUARDED.format(f"__text = __write_{_TOKEN}({{target}}(*__arguments), __limit)") + "__text"
SERVE = _GUARDED.format(f"__text = __write_{_TOKEN}({{target}}(*__arguments, **__keywords), __limit)") + "__text"
# What suites.py puts in front of every check.
COUNTING = f"__checks_{_TOKEN} = [0]\ndef __checked__():\n    __checks_{_TOKEN}[0] += 1\n"
COUNTED = f"__checks_{_TOKEN}[0]"
STAND_IN = f"def {{name}}(*arguments, **keywords):\n    return __read_{_TOKEN}(__ask({{name!r}}, list(arguments), keywords))\n"
