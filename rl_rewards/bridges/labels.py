"""A trainer's label, and the fields beside it, as a row's columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rl_rewards.bridges.errors import BridgeError

__all__ = ["references_of"]


def references_of(label: Any, fields: Mapping[str, Any], reads: frozenset[str], column: str | None, what: str) -> dict[str, Any]:
    """A row's columns, from a label and fields beside it.

    A label that is a mapping, or its JSON text, holds columns; any other is the one column that the rubric reads and no field has, or `column`.

    Args:
        reads: names of the columns that the rubric reads.
        what: the trainer's name for the label.

    Raises:
        BridgeError: when the label could be several columns.
    """
    columns = {name: _plain(value) for name, value in fields.items()} if fields else {}
    label = _plain(label)
    found = _label_columns(label, reads, column)
    if found is not None:
        return {**columns, **found} if columns else found
    if column is not None:
        columns[column] = label
        return columns
    missing = reads - columns.keys() if columns else reads
    if len(missing) > 1:
        raise BridgeError(
            f"{what} must be a mapping (or its JSON text) with the columns {sorted(missing)} that the rubric reads, got {label!r:.80}; "
            f"or name the column that it is: column={min(missing)!r}"
        )
    if label is not None:
        for name in missing:
            columns[name] = label
    return columns


def _label_columns(label: Any, reads: frozenset[str], column: str | None) -> dict[str, Any] | None:
    """The columns in a mapping or its JSON text, where it holds some of the rubric's and is not itself a column."""
    if column is not None:
        return None
    if label.__class__ is str:
        if not label.lstrip().startswith("{"):
            return None
        try:
            label = json.loads(label)
        except ValueError:
            return None
    return label if isinstance(label, dict) and (not reads or reads & label.keys()) else None


def _plain(value: Any) -> Any:
    """Python's own values, of what is read from Parquet as arrays."""
    if value.__class__ is str or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
