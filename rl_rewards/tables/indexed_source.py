"""Parquet, lists in JSON and data sets in blocks: ranges of rows."""

from __future__ import annotations

import bisect
import functools
import hashlib
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rl_rewards.tables.batches import GROUP_ROWS
from rl_rewards.tables.blocks import Block, BlockSize, Source, file_digest
from rl_rewards.tables.datasets import indexed_rows
from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import (
    Row,
    TableError,
    as_prompt_row,
    json_rows,
    parquet_batch_rows,
    parquet_file,
    parquet_row_size,
    parquet_values,
    table_size,
)
from rl_rewards.tables.regular_file import file_version, open_regular
from rl_rewards.tables.strict_json import strict_json

__all__ = ["DatasetSource", "IndexedSource", "ListSource", "ParquetSource"]

_NEAR = 64  # rows that are read at a time to find a group's end


class IndexedSource(Source):
    """Rows that have places."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def row_size(self) -> int:
        """The mean size of a row, in bytes, at least 1."""

    @abstractmethod
    def slice(self, start: int, stop: int) -> Iterator[Row]:
        """The rows from `start` up to `stop`."""

    @property
    def size(self) -> int:
        return len(self) * self.row_size

    def rows(self, block: Block) -> Iterator[Row]:
        yield from map(as_prompt_row, self.slice(block.start, block.stop))

    def blocks(self, size: BlockSize, groups: GroupKey | None = None) -> Iterator[Block]:
        count, start, index = len(self), 0, 0
        step = max(1, min(size.rows, size.size // self.row_size))
        while start < count:
            stop = min(start + step, count)
            if groups is not None:
                stop = self._group_end(groups, start, stop)
            yield Block(index, start, stop, start, (stop - start) * self.row_size)
            start, index = stop, index + 1

    def _group_end(self, groups: GroupKey, start: int, stop: int) -> int:
        """The end of the group that reaches up to `stop`."""
        count, tail, near = len(self), None, stop
        while tail is None and near > start:
            before, near = near, max(start, near - _NEAR)
            tail = next((found for row in reversed(list(self.slice(near, before))) if (found := groups.of(as_prompt_row(row))) is not None), None)
        end = stop
        while tail is not None and end < min(count, stop + GROUP_ROWS):
            for row in self.slice(end, min(end + _NEAR, count)):
                found = groups.of(as_prompt_row(row))
                if found is not None and found != tail:
                    return end
                end += 1
        return end


class ParquetSource(IndexedSource):
    """Parquet files one after the other.

    A row group is decoded from its start: blocks that are read in order continue where the last one ended. Where they are read in any order, as
    by Ray, row groups should not be much larger than blocks.
    """

    def __init__(self, paths: Sequence[str], name: str | None = None) -> None:
        self.paths = list(paths)
        self.name = name or self.paths[0]

    @functools.cached_property
    def _files(self) -> list[_ParquetRows]:
        return [_ParquetRows(path) for path in self.paths]

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(file) for file in self._files)]

    def __getstate__(self) -> dict[str, Any]:
        return {"paths": self.paths, "name": self.name}

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def parquet(self) -> str | None:
        return self.paths[0]

    @property
    def row_size(self) -> int:
        return self._row_size

    @functools.cached_property
    def _row_size(self) -> int:
        return max(sum(map(table_size, self.paths)) // max(len(self), 1), 1)

    def digest(self) -> str:
        return _digest(file_digest(path) for path in self.paths)

    def slice(self, start: int, stop: int) -> Iterator[Row]:
        place = bisect.bisect_right(self._starts, start) - 1
        while start < stop and place < len(self._files):
            first, end = self._starts[place], min(stop, self._starts[place + 1])
            for values in self._files[place].slice(start - first, end - first):
                start += 1
                yield Row(start, self.row_size, values)
            place += 1


class _ParquetRows:
    """The rows of one file by their places, with the place where the last slice ended."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = parquet_file(path)
        metadata = self._file.metadata
        self._groups = [0, *accumulate(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))]
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None
        self._start = self._end = -1  # of the batch

    def __len__(self) -> int:
        return self._groups[-1]

    def slice(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        import pyarrow

        try:
            while start < stop:
                batch = self._batch_with(start)
                end = min(stop, self._end)
                yield from parquet_values(batch.slice(start - self._start, end - start))
                start = end
        except (pyarrow.ArrowException, OSError) as error:  # pyarrow raises OSError for pages that are damaged
            raise TableError(f"{self.path}: not readable after row {start}: {error}") from None

    def _batch_with(self, row: int) -> Any:
        """The decoded batch with a row, from where the last one ended where that is no detour."""
        group = bisect.bisect_right(self._groups, row) - 1
        if self._batch is None or row < self._start or self._groups[group] > self._end:
            rows = parquet_batch_rows(parquet_row_size(self._file))
            self._batches = self._file.iter_batches(batch_size=rows, row_groups=range(group, len(self._groups) - 1))
            self._start = self._end = self._groups[group]
        while self._end <= row:
            self._batch = next(self._batches)
            self._start, self._end = self._end, self._end + self._batch.num_rows
        return self._batch


def _list_rows(path: str) -> list[Row]:
    """The rows of a file that is one list, read once in a process for every source of this file as it is now."""
    return _read_list(path, file_version(path))


@functools.lru_cache(maxsize=1)
def _read_list(path: str, _version: tuple[int, ...]) -> list[Row]:
    with open_regular(path) as file:
        return list(json_rows(file, path))


class ListSource(IndexedSource):
    """A `.json` file that is one list: every process that reads from it holds it whole."""

    def __init__(self, path: str) -> None:
        self.name = path

    def __len__(self) -> int:
        return len(_list_rows(self.name))

    @property
    def row_size(self) -> int:
        return max(os.path.getsize(self.name) // max(len(self), 1), 1)

    def digest(self) -> str:
        return file_digest(self.name)

    def slice(self, start: int, stop: int) -> Iterator[Row]:
        for row in _list_rows(self.name)[start:stop]:
            yield Row(row.number, row.size, row.values, row.problem)


class DatasetSource(IndexedSource):
    """A data set of the hub or of a directory in its form, or what `module:function` returns; every process opens it once.

    Args:
        name: what `load_dataset` takes.
        config, split: of a data set of the hub.
    """

    def __init__(self, name: str, config: str | None = None, split: str = "train") -> None:
        self.name, self.config, self.split = name, config, split

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "config": self.config, "split": self.split}

    @functools.cached_property
    def _made(self) -> Any:
        return indexed_rows(self.name, self.config, self.split)

    def __len__(self) -> int:
        return len(self._made)

    @property
    def row_size(self) -> int:
        return 1024

    def digest(self) -> str:
        if fingerprint := getattr(self._made, "_fingerprint", None):
            return _digest([str(fingerprint), self.split])
        return _digest(strict_json(row.values) for row in self.slice(0, len(self)))

    def slice(self, start: int, stop: int) -> Iterator[Row]:
        made = self._made
        chosen = made.select(range(start, min(stop, len(made)))) if hasattr(made, "select") else made[start:stop]
        for number, values in enumerate(chosen, start + 1):
            if isinstance(values, Mapping):
                yield Row(number, 1, dict(values))
            else:
                yield Row(number, 1, None, f"a row must be a mapping of column names to values, got {type(values).__name__}")


def _digest(texts: Any) -> str:
    found = hashlib.blake2b(digest_size=16)
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()
