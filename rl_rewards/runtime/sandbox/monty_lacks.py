"""What Monty lacks and Python has, read from the error it ended with."""

from __future__ import annotations

import builtins
import collections
import importlib
import re
import sys

from rl_rewards.runtime.sandbox.engine import LIBRARIES

_LACKS = re.compile(
    r"The monty syntax parser does not yet support (.+)|(.+ is not supported in this environment.*)|(Wildcard imports.*) are not supported|(Internal error in monty.*)",
    re.S,
)
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_NO_IMPORT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_NO_NAME = re.compile(r"name '(\w+)' is not defined")
_NO_MODULE_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_NO_ATTRIBUTE = re.compile(r"(?:type object )?'([\w.]+)'(?: object)? has no attribute '(\w+)'")
# Modules that Monty has a part of. Only these are loaded here, to see whether Python's own has what a program misses.
_PARTIAL = frozenset(
    "re json math random datetime time typing collections itertools functools decimal hashlib unicodedata bisect copy dataclasses asyncio "
    "base64 csv os pathlib sys".split()
)


def unsupported(line: str) -> str | None:
    """What Monty lacks and Python has, by name, if that is what this error line says."""
    kind, _, text = line.partition(": ")
    if match := _LACKS.match(text):
        return next(group for group in match.groups() if group)
    if text.endswith("surrogates not allowed"):
        return "text that is not Unicode"
    if (match := _NO_MODULE.match(text)) and kind in ("ModuleNotFoundError", "ImportError"):
        root = match[1].partition(".")[0]
        return f"module {match[1]}" if root in sys.stdlib_module_names or root in LIBRARIES else None
    if (match := _NO_IMPORT.match(text)) and kind == "ImportError":
        return f"{match[2]}.{match[1]}" if _module_has(match[2], match[1]) else None
    if (match := _NO_NAME.match(text)) and kind == "NameError":
        return f"name {match[1]}" if hasattr(builtins, match[1]) else None
    if kind == "AttributeError":
        if match := _NO_MODULE_ATTRIBUTE.match(text):
            return f"{match[1]}.{match[2]}" if _module_has(match[1], match[2]) else None
        if match := _NO_ATTRIBUTE.match(text):
            owner = type(sys.stdout) if "TextIOWrapper" in match[1] else _class(match[1])
            return f"{match[1]}.{match[2]}" if hasattr(owner, match[2]) else None
    return None


def _class(name: str) -> type | None:
    """The class that Monty calls so: `set`, `collections.defaultdict`, `Counter`."""
    module, _, name = name.rpartition(".")
    found = getattr(importlib.import_module(module) if module in _PARTIAL else builtins, name, None) or getattr(collections, name, None)
    return found if isinstance(found, type) else None


def _module_has(module: str, name: str) -> bool:
    return module.partition(".")[0] in _PARTIAL and hasattr(importlib.import_module(module), name)
