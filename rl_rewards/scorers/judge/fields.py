"""What a verdict says one thing of: a criterion, the better one of a pair, a response of a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Field", "names_of"]


class Field(Protocol):
    """What a verdict says one thing of. It may have other names in `also`.

    Attributes:
        name: under which the reply is to say it.
        bounds: lowest and highest number; None for labels.
        values: normalised label -> value from 0 to 1; empty for numbers.
    """

    @property
    def name(self) -> str: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    @property
    def values(self) -> Mapping[str, float]: ...

    def value_of(self, said: Any) -> float | None:
        """The value from 0 to 1 of what was said; None where that is no allowed answer."""
        ...


def names_of(field: Field) -> tuple[str, ...]:
    """All the names under which a reply may say it."""
    return (field.name, *getattr(field, "also", ()))
