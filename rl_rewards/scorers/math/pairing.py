"""Pairing the items of two lists off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rl_rewards.scorers.math.values import Value

__all__ = ["pairs_off", "without_common"]


def without_common(r: Sequence[Value], a: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """Two lists without the items that both have, as they are written."""
    common = Counter(value.text for value in r) & Counter(value.text for value in a)
    left = []
    for values in (r, a):
        spent = Counter(common)
        left.append([value for value in values if not spent[value.text] or spent.subtract([value.text])])
    return left[0], left[1]


def pairs_off(edges: Sequence[Sequence[bool]]) -> bool:
    """Whether rows and columns can be paired along edges (Kuhn's augmenting paths)."""
    partner: dict[int, int] = {}

    def augment(row: int, seen: set[int]) -> bool:
        for column, edge in enumerate(edges[row]):
            if edge and column not in seen:
                seen.add(column)
                if column not in partner or augment(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    return all(augment(row, set()) for row in range(len(edges)))
