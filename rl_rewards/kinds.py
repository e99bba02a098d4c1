"""Kinds: the names by which a rubric file calls parsers and scorers.

A spec is what stands in the file: a kind (`boxed`), or a mapping of one kind to its options (`{tag: {name: answer}}`), to the value of
its first option (`{tag: answer}`), or to nothing (`{boxed: null}`). Classes are imported when their kind is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from importlib import import_module
from typing import Any


def first_option(cls: type) -> str:
    """The option of `cls` that a spec's bare value sets: its first positional field.

    Raises:
        ValueError: when `cls` has no options.
    """
    for option in fields(cls):
        if option.init and not option.kw_only:
            return option.name
    raise ValueError(f"{cls.__name__} has no options")


class Kinds:
    """A table of kinds.

    Args:
        noun: what the table holds, for messages: "parser" or "scorer".
        table: kind -> "module:Class".
    """

    def __init__(self, noun: str, table: Mapping[str, str]) -> None:
        self.noun = noun
        self.table = dict(table)
        self._kind_of_class = {path.partition(":")[2]: kind for kind, path in self.table.items()}

    def load(self, kind: str) -> type:
        """The class of a kind.

        Raises:
            ValueError: when there is no such kind; the message names those that there are, and the nearest.
        """
        if kind not in self.table:
            near = get_close_matches(str(kind), self.table, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"Unknown {self.noun} {kind!r}.{hint} Allowed: {', '.join(sorted(self.table))}")
        module, _, name = self.table[kind].partition(":")
        return getattr(import_module(module), name)

    def make(self, spec: Any) -> Any:
        """The parser or scorer that a spec describes.

        Raises:
            ValueError: when the spec is not of a form that the module's docstring tells, names an unknown kind, or has wrong options.
        """
        if isinstance(spec, str):
            return self.load(spec)()
        if not isinstance(spec, Mapping):
            raise ValueError(f"A {self.noun} is a kind or a mapping of one kind to its options, found {spec!r}")
        if len(spec) != 1:
            keys = sorted(map(str, spec))
            raise ValueError(f"A {self.noun} is a mapping of exactly one kind to its options, found {len(keys)} keys: {keys}")
        [(kind, options)] = spec.items()
        cls = self.load(kind)
        if options is None:
            return cls()
        if isinstance(options, Mapping):
            return cls(**options)
        return cls(**{first_option(cls): options})

    def class_named(self, name: str, package: str) -> type:
        """The class called `name`, for a package's `__getattr__`.

        Raises:
            AttributeError: when the table has no such class.
        """
        if name not in self._kind_of_class:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return self.load(self._kind_of_class[name])

    @property
    def class_names(self) -> list[str]:
        return list(self._kind_of_class)
