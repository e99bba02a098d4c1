"""Columns of Arrow tables as arrays: numbers, and lengths and hashes of texts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its types know none of its functions

__all__ = ["characters_said", "floats_of", "hashes_of", "lengths_of", "numbers_of"]


def numbers_of(table: pa.Table, name: str) -> np.ndarray:
    """A column as floats, NaN where null, and where the table has no such column."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return floats_of(table[name])


def floats_of(column: Any) -> np.ndarray:
    """A column of numbers or truth values as floats, NaN where null."""
    kind = pa.float64() if not pa.types.is_boolean(column.type) else pa.int8()
    values = pc.cast(pc.cast(column, kind), pa.float64())
    return values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy()


def lengths_of(column: pa.ChunkedArray, measure: Any) -> np.ndarray:
    """A length of each text, 0 where there is none; each distinct text is measured once."""
    found = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            sizes = np.append(np.asarray(pc.fill_null(measure(chunk.dictionary), 0), float), 0.0)
            found.append(sizes[np.asarray(pc.fill_null(chunk.indices, len(sizes) - 1))])
        else:
            found.append(np.asarray(pc.fill_null(measure(chunk), 0), float))
    return np.concatenate(found)


def hashes_of(column: pa.ChunkedArray) -> np.ndarray:
    """A hash of each text, 0 where there is none; each distinct text is hashed once."""
    found = []
    for chunk in pc.dictionary_encode(column).chunks if not pa.types.is_dictionary(column.type) else column.chunks:
        hashes = np.array([hash(text) for text in chunk.dictionary.to_pylist()] + [0], np.int64)
        found.append(hashes[np.asarray(pc.fill_null(chunk.indices, len(hashes) - 1))])
    return np.concatenate(found)


def characters_said(texts: pa.Array) -> pa.Array:
    """Characters of each completion; of messages those of their contents."""
    return pa.array([None if text is None else _characters(text) for text in texts.to_pylist()], pa.int64())


def _characters(text: str) -> int:
    if text.startswith("[{"):
        try:
            return sum(len(content) for message in json.loads(text) if isinstance(content := message.get("content"), str))
        except (ValueError, AttributeError, RecursionError):  # a text that looks like messages
            pass
    return len(text)
