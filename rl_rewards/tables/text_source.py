"""JSONL and CSV in blocks: byte ranges that begin and end with rows."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from rl_rewards.tables.batches import GROUP_ROWS
from rl_rewards.tables.blocks import Block, BlockSize, Source, file_digest
from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import Row, as_prompt_row, csv_rows, jsonl_row
from rl_rewards.tables.regular_file import open_regular

__all__ = ["CsvSource", "JsonlSource", "TextSource"]


class TextSource(Source):
    """A file of lines."""

    def __init__(self, path: str) -> None:
        self.name = path

    @property
    def size(self) -> int:
        return os.path.getsize(self.name)

    def digest(self) -> str:
        return file_digest(self.name)

    @abstractmethod
    def _records(self, file: BinaryIO) -> Iterator[tuple[Any, int, int]]:
        """What every row is read from, the byte behind it, and the number of its last line."""

    @abstractmethod
    def _row(self, record: Any, number: int) -> Row | None:
        """The row of a record."""

    @abstractmethod
    def _rows(self, lines: Iterator[bytes], block: Block) -> Iterator[Row]:
        """The rows of a block's lines."""

    def rows(self, block: Block) -> Iterator[Row]:
        with open_regular(self.name) as file:
            yield from map(as_prompt_row, self._rows(_lines(file, block.start, block.stop), block))

    def blocks(self, size: BlockSize, groups: GroupKey | None = None) -> Iterator[Block]:
        with open_regular(self.name) as file:
            cut = None if groups is None else _Cut(lambda record, line: self._group(groups, record, line))
            index = start = stop = before = number = rows = 0
            for record, end, line in self._records(file):
                full = rows >= size.rows or stop - start >= size.size
                if full and (cut is None or cut.may_end(record, line)):
                    yield Block(index, start, stop, before, stop - start)
                    index, start, before, rows, full = index + 1, stop, number, 0, False
                    if cut is not None:
                        cut.clear()
                if cut is not None and not full:
                    cut.add(record, line)
                rows, stop, number = rows + 1, end, line
            if rows:
                yield Block(index, start, stop, before, stop - start)

    def _group(self, groups: GroupKey, record: Any, number: int) -> str | None:
        row = self._row(record, number)
        return None if row is None else groups.of(as_prompt_row(row))


class _Cut:
    """Finds where a block that is full may end: in front of a row of another group than the block's last one."""

    def __init__(self, group: Callable[[Any, int], str | None]) -> None:
        self._group = group
        self.clear()

    def clear(self) -> None:
        self._kept: list[tuple[Any, int]] = []
        self._tail: str | None = None
        self._waited = 0

    def add(self, record: Any, number: int) -> None:
        self._kept.append((record, number))

    def may_end(self, record: Any, number: int) -> bool:
        """Whether the block may end in front of this record. Only rows near the cut are decoded."""
        if self._kept:
            self._tail = next((found for each in reversed(self._kept) if (found := self._group(*each)) is not None), None)
            self._kept = []
        self._waited += 1
        if self._tail is None or self._waited > GROUP_ROWS:  # more are no group: `batches` refuses them
            return True
        found = self._group(record, number)
        return found is not None and found != self._tail


class JsonlSource(TextSource):
    """A file with an object a line."""

    def _records(self, file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
        end = 0
        for number, line in enumerate(file, 1):
            end += len(line)
            yield line, end, number

    def _row(self, record: bytes, number: int) -> Row | None:
        return jsonl_row(record, number)

    def _rows(self, lines: Iterator[bytes], block: Block) -> Iterator[Row]:
        for number, line in enumerate(lines, block.before + 1):
            if (row := jsonl_row(line, number)) is not None:
                yield row


class CsvSource(TextSource):
    """A file of comma-separated values, whose first line names the columns."""

    def _records(self, file: BinaryIO) -> Iterator[tuple[Row, int, int]]:
        for row in csv_rows(file):
            yield row, file.tell(), row.number

    def _row(self, record: Row, number: int) -> Row:
        return record

    def _rows(self, lines: Iterator[bytes], block: Block) -> Iterator[Row]:
        return csv_rows(lines, None if block.start == 0 else self._header(), block.before)

    def _header(self) -> list[str]:
        with open_regular(self.name) as file:
            first = next(row for row in csv_rows(file) if row.values is not None)
        return list(first.values or ())


def _lines(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop and (line := file.readline()):
        start += len(line)
        yield line
