"""What was gathered of groups: files of values by number, and what the rewards came to that need groups, by the rows of the data."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_rewards.scale.plain_pickle import load_plain
from rl_rewards.tables.blocks import Block
from rl_rewards.types import EvaluateResult

__all__ = ["ByRow", "Gathered", "OfBlock", "results_file", "rows_file", "segment_of", "write_segments"]

ByRow = dict[str, EvaluateResult | None]
"""Of a row, what the rewards came to that need groups; None where one does not score it."""


@dataclass
class Gathered:
    """What the rewards came to that need groups, by the rows of the data. A picklable value.

    Attributes:
        place: where it is.
        parts: how many parts there are.
        names: the rewards.
    """

    place: str
    parts: int
    names: tuple[str, ...]

    def of(self, block: Block) -> OfBlock:
        """What they came to in a block.

        Raises:
            DirectoryError: when a file of somebody else's holds more than results.
        """
        files = (results_file(self.place, part) for part in range(self.parts))
        found = [each for file in files for each in load_plain(segment_of(file, block.index), file)]
        return OfBlock(self.names, [results for _, results in sorted(found, key=lambda each: each[0])])


class OfBlock:
    """What the rewards came to in a block, taken batch by batch.

    Args:
        names: the rewards.
        rows: by row, in the block's order.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[ByRow]) -> None:
        self._names, self._rows = names, iter(rows)

    def take(self, size: int) -> Mapping[str, Sequence[EvaluateResult]]:
        """What `evaluate` takes for the next samples."""
        rows = [next(self._rows) for _ in range(size)]
        return {name: [result for row in rows if (result := row[name]) is not None] for name in self._names}


def rows_file(place: str, block: int) -> Path:
    """The file of a block's rows, by part."""
    return Path(place, "rows", f"{block:05d}")


def results_file(place: str, part: int) -> Path:
    """The file of a part's results, by block."""
    return Path(place, "results", f"{part:05d}")


def write_segments(path: Path, segments: Sequence[Any]) -> None:
    """Write values so that each can be read by itself: where they begin and end, as N + 1 numbers of 8 bytes, then the values."""
    packed = [pickle.dumps(segment, pickle.HIGHEST_PROTOCOL) if segment else b"" for segment in segments]
    bounds = np.cumsum([8 * (len(packed) + 1), *map(len, packed)], dtype=np.uint64)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with open(temporary, "wb") as file:
        file.write(bounds.tobytes())
        file.writelines(packed)
    os.replace(temporary, path)


_EMPTY = pickle.dumps([])


def segment_of(path: Path, number: int) -> bytes:
    """One of the values that `write_segments` wrote, pickled; an empty list where it is nothing."""
    with open(path, "rb") as file:
        file.seek(8 * number)
        start, stop = (int(bound) for bound in np.frombuffer(file.read(16), np.uint64))
        file.seek(start)
        return file.read(stop - start) or _EMPTY
