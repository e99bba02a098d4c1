"""Data cut into blocks of rows: the same cuts whoever reads, and each block is read by itself, in whichever process."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import Row
from rl_rewards.tables.regular_file import open_regular

__all__ = ["Block", "BlockSize", "Source", "file_digest"]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that follow one another.

    Attributes:
        index: its place among the data's blocks, from 0.
        start, stop: where it begins and ends: bytes of a text file, else rows.
        before: how many lines (of a text file) or rows come before it.
        size: its share of the source's size, in bytes.
    """

    index: int
    start: int
    stop: int
    before: int
    size: int

    def __str__(self) -> str:
        return f"block {self.index} (behind row {self.before})"


@dataclass(frozen=True, slots=True)
class BlockSize:
    """A block ends at either, and a group's block with the group.

    Attributes:
        rows: most rows, at least 1.
        size: bytes from which on a block ends.
    """

    rows: int
    size: int = 8 << 20


class Source(ABC):
    """Data that can be read in blocks. It is a picklable value: what it opens, it opens where it is read.

    Attributes:
        name: what messages call it.
    """

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """What its blocks' sizes add up to, in bytes, near enough for a progress bar."""

    @abstractmethod
    def blocks(self, size: BlockSize, groups: GroupKey | None = None) -> Iterator[Block]:
        """The blocks of all rows, in order, found while they are asked for.

        Args:
            groups: end no block between neighbours that are of one group by this.
        """

    @abstractmethod
    def rows(self, block: Block) -> Iterator[Row]:
        """The rows of a block, as `read_rows` has them: the same numbers, values and problems."""

    @abstractmethod
    def digest(self) -> str:
        """A hash of the data's content, the same on every machine."""

    @property
    def parquet(self) -> str | None:
        """A Parquet file that declares the columns' types; None where they must be learnt from the rows."""
        return None


def file_digest(path: str) -> str:
    """A hash of a file's content.

    Raises:
        OSError: when it cannot be read.
    """
    found = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()
