"""Field masks: the parts of a JSON object that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FieldMask:
    """Keeps, then drops, fields of an object by their exact names; a dot leads into an object, or into each object of a list.

    A field that is kept keeps all that is in it; a field that is dropped leaves no trace.

    Raises:
        ValueError: when a name is empty, given twice, or given in both `keep` and `drop`.
    """

    __slots__ = ("_keep", "_drop")

    def __init__(self, keep: tuple[str, ...], drop: tuple[str, ...]) -> None:
        names = [*keep, *drop]
        for name in names:
            if not all(name.split(".")):
                raise ValueError(f"A field is a name, or names joined by dots, found {name!r}")
            if names.count(name) > 1:
                raise ValueError(f"The field {name!r} is named twice in keep {list(keep)} and drop {list(drop)}")
        self._keep = _tree(keep)
        self._drop = _tree(drop)

    def apply(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is left of `value`; None when nothing is: an empty object would equal every other one."""
        if self._keep:
            value = _kept(value, self._keep)
        if self._drop:
            value = _without(value, self._drop)
        return dict(value) or None


# Names -> what to look for inside; an empty dict means the whole field.
_Tree = dict[str, "_Tree"]


def _tree(paths: tuple[str, ...]) -> _Tree:
    tree: _Tree = {}
    for path in sorted(paths, key=lambda path: path.count("."), reverse=True):
        *parents, last = path.split(".")
        branch = tree
        for name in parents:
            branch = branch.setdefault(name, {})
        branch[last] = {}  # a whole field covers paths into it
    return tree


def _kept(value: Any, tree: _Tree) -> Any:
    """The part of `value` that `tree` names; an empty object or list where it names nothing."""
    if isinstance(value, dict):
        found = {name: value[name] if not inner else _kept(value[name], inner) for name, inner in tree.items() if name in value}
        return {name: part for name, part in found.items() if not tree[name] or part}
    if isinstance(value, list):
        return [part for item in value if (part := _kept(item, tree))]
    return None


def _without(value: Any, tree: _Tree) -> Any:
    if isinstance(value, dict):
        return {name: part if name not in tree else _without(part, tree[name]) for name, part in value.items() if name not in tree or tree[name]}
    if isinstance(value, list):
        return [_without(item, tree) for item in value]
    return value
