"""Conjunction and disjunction where a truth value may be unknown (None)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["all_of", "any_of"]


def any_of(edges: Iterable[bool | None]) -> bool | None:
    unknown = False
    for edge in edges:
        if edge:
            return True
        unknown |= edge is None
    return None if unknown else False


def all_of(edges: Iterable[bool | None]) -> bool | None:
    unknown = False
    for edge in edges:
        if edge is False:
            return False
        unknown |= edge is None
    return None if unknown else True
