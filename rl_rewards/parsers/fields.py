"""Field masks: the parts of a JSON object that count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NUMBERED = re.compile(r"(.+)_[0-9]+", re.DOTALL)


def masks_of(keep: tuple[str, ...], drop: tuple[str, ...], in_mask: tuple[str, ...], out_mask: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """What is kept and what is dropped, from options that have two names.

    Raises:
        ValueError: when one is given under both of its names.
    """
    for (name, value), (other, same) in (((("keep", keep), ("in_mask", in_mask))), (("drop", drop), ("out_mask", out_mask))):
        if value and same:
            raise ValueError(f"{name} and {other} are one option, got both: {list(value)} and {list(same)}")
    return keep or in_mask, drop or out_mask


class FieldMask:
    """Keeps, then drops, fields of an object by their exact names; a dot leads into an object, or into each object of a list.

    A field that is kept keeps all that is in it; a field that is dropped leaves no trace.

    Args:
        suffixes: whether a name means fields with a number behind it, too (`answer_1`), as concatenated records have them.

    Raises:
        ValueError: when a name is empty, given twice, or given in both `keep` and `drop`.
    """

    __slots__ = ("_keep", "_drop", "_suffixes")

    def __init__(self, keep: tuple[str, ...], drop: tuple[str, ...], suffixes: bool = False) -> None:
        self._suffixes = suffixes
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
            value = self._kept(value, self._keep)
        if self._drop:
            value = self._without(value, self._drop)
        return dict(value) or None

    def _inner(self, name: str, tree: _Tree) -> _Tree | None:
        """What a tree says of a field: what to look for inside, nothing for all of it; None where it does not name it."""
        if name in tree:
            return tree[name]
        numbered = _NUMBERED.fullmatch(name) if self._suffixes else None
        return tree.get(numbered[1]) if numbered else None

    def _kept(self, value: Any, tree: _Tree) -> Any:
        """The part of `value` that `tree` names; an empty object or list where it names nothing."""
        if isinstance(value, dict):
            found = {name: (inner, part) for name, part in value.items() if (inner := self._inner(name, tree)) is not None}
            parts = {name: self._kept(part, inner) if inner else part for name, (inner, part) in found.items()}
            return {name: part for name, part in parts.items() if not found[name][0] or part}
        if isinstance(value, list):
            return [part for item in value if (part := self._kept(item, tree))]
        return None

    def _without(self, value: Any, tree: _Tree) -> Any:
        if isinstance(value, dict):
            parts = {name: (self._inner(name, tree), part) for name, part in value.items()}
            return {name: part if inner is None else self._without(part, inner) for name, (inner, part) in parts.items() if inner is None or inner}
        if isinstance(value, list):
            return [self._without(item, tree) for item in value]
        return value


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
