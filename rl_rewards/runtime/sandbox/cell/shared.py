"""Objects of classes that a program and its tests both have (TreeNode, say): each side has its copy, and both know it by one key.

What crosses is a key, and beside it the attributes of every such object that can be reached: a list of nodes is a table, not a nest, so it may be long or
go round in a circle. Whoever receives it brings its copies up to date, so changes in place and the identity of nodes are seen on both sides.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import plain

States = dict[str, list[Any]]


class Shared:
    """One side's copies.

    Args:
        names: names of the classes that both sides have.
        namespace: where this side has them.
        prefix: what this side's keys start with.
        trusting: whether the other side's attributes are taken as they are: the tests' side does not, or a program could replace a method.
    """

    def __init__(self, names: Iterable[str], namespace: Mapping[str, Any], prefix: str, trusting: bool) -> None:
        self._names, self._namespace = frozenset(names), namespace
        self._also: dict[type, str] = {}
        self._prefix, self._trusting = prefix, trusting
        self._objects: dict[str, Any] = {}
        self._keys: dict[int, str] = {}
        self._pending: list[str] = []
        self._listed: set[str] = set()

    def also(self, kind: Any, name: str) -> None:
        """Take objects of `kind` for objects of the shared class `name`: the program has made its own of that name."""
        if isinstance(kind, type):
            self._also[kind] = name

    def _class(self, name: str) -> type:
        kind = self._namespace.get(name) if name in self._names else None
        if not isinstance(kind, type):
            raise KeyError(f"no shared class {name!r:.40}")
        return kind

    def _name(self, kind: type) -> str | None:
        """The name that both sides know a class by, or the nearest that it inherits from."""
        for each in kind.__mro__:
            name = self._also.get(each, each.__name__)
            if name in self._names and (each in self._also or self._namespace.get(name) is each):
                return name
        return None

    def has(self, value: Any) -> bool:
        """Whether it is a shared class, or an object of one."""
        return self._name(value if isinstance(value, type) else type(value)) is not None

    def encode(self, value: Any, inner: Callable[[Any], plain.Tree]) -> plain.Tree | None:
        """The tree of an object of a shared class, or of such a class; None for anything else."""
        if isinstance(value, type):
            return {"class": value.__name__} if self._name(value) == value.__name__ else None
        name = self._name(type(value))
        if name is None or isinstance(value, BaseException):
            return None
        if isinstance(value, enum.Enum):
            return {"member": [name, value.name]}
        if isinstance(value, tuple):
            return {"record": [name, [inner(item) for item in value]]}
        return {"shared": self._list(value)}

    def _list(self, value: Any) -> str:
        key = self._keys.get(id(value))
        if key is None:
            key = f"{self._prefix}{len(self._objects)}"
            self._keys[id(value)], self._objects[key] = key, value
        if key not in self._listed:
            self._listed.add(key)
            self._pending.append(key)
        return key

    def states(self, inner: Callable[[Any], plain.Tree]) -> States:
        """The attributes of all objects encoded since the last call, and of those that they hold."""
        states: States = {}
        while self._pending:
            value = self._objects[key := self._pending.pop()]
            states[key] = [self._name(type(value)), {attribute: inner(content) for attribute, content in _attributes(value).items()}]
        self._listed.clear()
        return states

    def update(self, states: States, inner: Callable[[plain.Tree], Any]) -> None:
        """Bring this side's copies up to date, and send them along when this side speaks next.

        Raises:
            KeyError, TypeError, ValueError: for what the other side cannot have meant.
        """
        for key, (name, _) in states.items():
            if key not in self._objects:
                value = object.__new__(self._class(name))
                self._objects[key], self._keys[id(value)] = value, key
        for key, (_, attributes) in states.items():
            value = self._objects[key]
            kept = {name: inner(tree) for name, tree in attributes.items() if self._trusting or _may_be_set(type(value), name)}
            for name in _attributes(value).keys() - attributes.keys():
                object.__delattr__(value, name)
            for name, content in kept.items():
                object.__setattr__(value, name, content)
            self._list(value)

    def decode(self, kind: str, content: Any, inner: Callable[[plain.Tree], Any]) -> Any:
        """The object of a tree of one of KINDS."""
        if kind == "shared":
            return self._objects[content]
        if kind == "class":
            return self._class(content)
        made = self._class(content[0])
        return made[content[1]] if kind == "member" else made(*map(inner, content[1]))  # type: ignore[index]


KINDS = frozenset({"shared", "class", "member", "record"})


def _attributes(value: Any) -> dict[str, Any]:
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name) and not name.startswith("__")]
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots}}


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _may_be_set(kind: type, name: str) -> bool:
    """Whether an attribute of that name is data, and hides no method or property of the class."""
    if not name.isidentifier() or name.startswith("__"):
        return False
    of_class = getattr(kind, name, None)
    return not callable(of_class) and not isinstance(of_class, (property, classmethod, staticmethod))
