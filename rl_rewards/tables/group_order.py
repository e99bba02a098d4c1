"""Rows of one group next to each other, wherever they are in the data: held in memory, for data of a size that people label."""

from __future__ import annotations

from collections.abc import Iterable

from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import Row

__all__ = ["in_groups"]


def in_groups(rows: Iterable[Row], key: GroupKey) -> tuple[list[Row], int]:
    """Rows by group, groups in the order in which they begin, and how many groups' rows were not next to each other.

    Rows that are no sample belong to no group, and come first.

    Raises:
        TableError: when a row lacks a column by which rows are grouped; naming the row.
    """
    groups: dict[str | None, list[Row]] = {None: []}
    scattered: set[str] = set()
    last = None
    for row in rows:
        text = key.of(row)
        if text is not None:
            if text != last and text in groups:
                scattered.add(text)
            last = text
        groups.setdefault(text, []).append(row)
    return [row for group in groups.values() for row in group], len(scattered)
