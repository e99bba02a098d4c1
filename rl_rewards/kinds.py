"""Kinds: the names by which a rubric file calls parsers, scorers and aggregates.

A spec is what a file says: a kind (`boxed`), or a mapping of one kind to its options (`{tag: {name: answer}}`), to the value of its first
option (`{tag: answer}`), or to nothing (`{boxed: null}`). Classes are imported when their kind is first used.

A kind is one of the library's own, the name of an entry point that an installed package declares in the table's group
(`rl_rewards.scorers`, `rl_rewards.parsers`, `rl_rewards.aggregates`), or the path of a class: `my_package.scorers:Rouge`, `scorers.py:Rouge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rl_rewards.loading import load_object, object_path

__all__ = ["Kinds", "first_option"]


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
        noun: what the table holds, for messages: "parser", "scorer" or "aggregate".
        base: the class that all of them extend.
        table: kind -> "module:Class", for the library's own.
    """

    def __init__(self, noun: str, base: type, table: Mapping[str, str]) -> None:
        self.noun = noun
        self.base = base
        self.table = dict(table)
        self._kind_of_class = {path.partition(":")[2]: kind for kind, path in self.table.items()}

    @property
    def _one(self) -> str:
        return f"{'An' if self.noun[0] in 'aeiou' else 'A'} {self.noun}"

    @cached_property
    def installed(self) -> dict[str, EntryPoint]:
        """The kinds that installed packages declare as entry points; one of the library's own names stays the library's."""
        return {point.name: point for point in entry_points(group=f"rl_rewards.{self.noun}s") if point.name not in self.table}

    def knows(self, kind: Any) -> bool:
        """Whether `kind` is a name of this table, or the path of a class."""
        return isinstance(kind, str) and (kind in self.table or ":" in kind or kind in self.installed)

    def load(self, kind: str) -> type:
        """The class of a kind.

        Raises:
            ValueError: when there is no such kind or class; the message names those that there are, and the nearest.
        """
        if kind in self.table:
            module, _, name = self.table[kind].partition(":")
            return getattr(import_module(module), name)
        if isinstance(kind, str) and ":" in kind:
            return self._checked(load_object(kind), kind)
        if kind in self.installed:
            return self._checked(self.installed[kind].load(), kind)
        near = get_close_matches(str(kind), [*self.table, *self.installed], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        allowed = ", ".join(sorted([*self.table, *self.installed]))
        raise ValueError(f"Unknown {self.noun} {kind!r}.{hint} Allowed: {allowed}, or the path of a class, 'package.module:Class'")

    def _checked(self, loaded: Any, kind: str) -> type:
        """A class of somebody else's.

        Raises:
            ValueError: when it is of another family, or has no declared options.
        """
        if not isinstance(loaded, type) or not issubclass(loaded, self.base):
            found = f"the class {loaded.__name__}" if isinstance(loaded, type) else f"a {type(loaded).__name__}"
            instead = f"; a function is written {{function: {kind!r}}}" if callable(loaded) and not isinstance(loaded, type) else ""
            raise ValueError(f"{kind!r} must be a class that extends {self.base.__module__}.{self.base.__name__}, got {found}{instead}")
        if missing := sorted(getattr(loaded, "__abstractmethods__", ())):
            raise ValueError(f"class {loaded.__name__} of {kind!r} must have the methods {', '.join(missing)}")
        if not is_dataclass(loaded):
            raise ValueError(f"class {loaded.__name__} of {kind!r} must declare its options with @rl_rewards.scorers.base.configured")
        return loaded

    def kind_of(self, cls: type) -> str | None:
        """The kind of a class: its name in the table or as an entry point, else the path under which it can be imported; None for a local class."""
        # By name first: loading every kind to compare it would import all that any of them needs.
        for kind, path in self.table.items():
            if path.endswith(f":{cls.__qualname__}") and self.load(kind) is cls:
                return kind
        for kind, point in self.installed.items():
            if point.attr == cls.__qualname__ and point.load() is cls:
                return kind
        return None if "<" in cls.__qualname__ or cls.__module__ == "__main__" else object_path(cls.__module__, cls.__qualname__)

    def make(self, spec: Any) -> Any:
        """The parser or scorer that a spec describes.

        Raises:
            ValueError: when the spec is not of a form that the module's docstring describes, names an unknown kind, or has wrong options.
        """
        if isinstance(spec, str):
            return self.load(spec)()
        if not isinstance(spec, Mapping):
            raise ValueError(f"{self._one} is a kind or a mapping of one kind to its options, found {spec!r}")
        if len(spec) != 1:
            keys = sorted(map(str, spec))
            raise ValueError(f"{self._one} is a mapping of exactly one kind to its options, found {len(keys)} keys: {keys}")
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
