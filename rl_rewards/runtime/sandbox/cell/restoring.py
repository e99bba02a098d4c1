"""Arguments that a program changed in place: the tests see what it left of them."""

from __future__ import annotations

from typing import Any

from . import plain
from .stand_ins import number_of


def may_change(value: Any, tree: plain.Tree) -> bool:
    """Whether a program could change it in place, and all of what it holds can come back."""
    is_mutable = isinstance(value, (list, dict, set, bytearray)) or type(value).__name__ in ("deque", "ndarray", "DataFrame", "Series")
    return is_mutable and number_of(value) is None and _comes_back(tree)


def _comes_back(tree: plain.Tree) -> bool:
    level = [tree]
    while level:
        inner: list[Any] = []
        for part in level:
            if isinstance(part, list):
                inner += part
            elif isinstance(part, dict):
                ((kind, content),) = part.items()
                if kind in ("lent", "remote", "callback", "iterator", "pickle", "import", "error"):
                    return False
                if kind not in ("shared", "class", "member"):
                    inner.append(content)
        level = inner
    return True


def restore(old: Any, new: Any) -> None:
    """Change `old` in place into what the program left of it, keeping the lists and dicts inside that are still there."""
    kind = type(old).__name__
    if isinstance(old, list) and isinstance(new, list):
        old[:] = [_kept(old[at], item) if at < len(old) else item for at, item in enumerate(new)]
    elif isinstance(old, dict) and isinstance(new, dict):
        kept = {key: _kept(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(kept)
    elif isinstance(old, (set, bytearray)) or kind == "deque":
        old.clear()
        (old.extend if hasattr(old, "extend") else old.update)(new)  # type: ignore[union-attr]
    elif type(old) is type(new):
        _restore_of_library(kind, old, new)


def _restore_of_library(kind: str, old: Any, new: Any) -> None:
    if kind == "ndarray" and old.shape == new.shape:
        old[...] = new
    elif kind in ("DataFrame", "Series"):
        old._update_inplace(new)


def _kept(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, (list, dict, set)):
        restore(old, new)
        return old
    return new
