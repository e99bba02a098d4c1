"""`open_source`: what a DATA argument names, as a source of blocks."""

from __future__ import annotations

import os

from rl_rewards.tables.blocks import Source
from rl_rewards.tables.datasets import is_file_name
from rl_rewards.tables.indexed_source import DatasetSource, ListSource, ParquetSource
from rl_rewards.tables.readers import is_json_list, table_kind
from rl_rewards.tables.regular_file import open_regular
from rl_rewards.tables.scored_directory import is_scored_directory, parts_of
from rl_rewards.tables.text_source import CsvSource, JsonlSource

__all__ = ["open_source"]


def open_source(name: str | os.PathLike[str], config: str | None = None, split: str = "train") -> Source:
    """The source of blocks that a name stands for: a data file, a directory that `score --out DIR` wrote, a data set of the hub or of a directory
    in its form, or `module:function`.

    Args:
        config, split: of a data set of the hub.

    Raises:
        OSError, TableError, LoadError: when there is none.
    """
    name = os.fspath(name)
    if is_scored_directory(name):
        return ParquetSource([str(part) for part in parts_of(name)], name)
    if not is_file_name(name):
        source = DatasetSource(name, config, split)
        len(source)  # opens it
        return source
    kind = table_kind(name)
    with open_regular(name) as file:
        if kind == ".parquet":
            source = ParquetSource([name])
            len(source)
            return source
        if kind == ".csv":
            return CsvSource(name)
        return ListSource(name) if kind == ".json" and is_json_list(file) else JsonlSource(name)
