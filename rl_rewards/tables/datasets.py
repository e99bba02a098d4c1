"""What a `--dataset` or `--data` argument names: a data file, `module:function`, or a dataset on the hub.

Recipes train on `load_dataset(name)` and the command line checks `dataset_rows(name)`: the rows are the same, since files are read by the one
reader of this package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_rewards.loading import load_object
from rl_rewards.tables.readers import READABLE, Row, TableError, as_prompt_row, parquet_columns, read_rows
from rl_rewards.user_errors import require

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["dataset_rows", "indexed_rows", "is_file_name", "load_dataset"]

_CHUNK_ROWS = 4096
_PRINTED = 5  # rows with problems that an error quotes
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def is_file_name(name: str) -> bool:
    """Whether a name is that of a data file, by its ending."""
    return Path(name).suffix.lower() in READABLE


def load_dataset(name: str, config: str | None = None, split: str = "train") -> Dataset:
    """The dataset that a name stands for, with values as they are written.

    A column of a JSONL file whose values have no one Arrow type (`12` beside `0.5`, objects of different fields) becomes a column of JSON, or
    of text where JSON of `datasets` cannot hold it (integers beyond 64 bits).

    Args:
        name: a file (`.jsonl`, `.json`, `.csv`, `.parquet`), `module:function` or `file.py:function`, or an id on the hub.
        config: the configuration of a dataset on the hub.
        split: the split of a dataset on the hub.

    Raises:
        TableError: when a file has rows that cannot be read, or none, or the hub has no such dataset, or cannot be reached.
        LoadError: when there is no such function.
    """
    _needs_datasets(name)
    if is_file_name(name):
        return _from_parquet(name) if name.lower().endswith(".parquet") else _from_text_file(name)
    if ":" in name:
        return _with_prompts(_as_dataset(load_object(name)(), name), name)
    return _with_prompts(_from_hub(name, config, split), name)


def dataset_rows(name: str, config: str | None = None, split: str = "train") -> Iterator[Row]:
    """The rows of what a name stands for, one at a time. Files need no further package; the hub needs `datasets`.

    Raises:
        TableError, LoadError: as `load_dataset`; rows of a file that cannot be read are Rows with a problem.
    """
    if is_file_name(name):
        yield from read_rows(name)
        return
    made = load_object(name)() if ":" in name else _from_hub(name, config, split)
    if not isinstance(made, Iterable):
        raise TableError(f"{name!r} must return rows, got {type(made).__name__}")
    for number, values in enumerate(made, 1):
        if isinstance(values, Mapping):
            yield as_prompt_row(Row(number, 1, dict(values)))
        else:
            yield Row(number, 1, None, f"a row must be a mapping of column names to values, got {type(values).__name__}")


def indexed_rows(name: str, config: str | None = None, split: str = "train") -> Any:
    """Rows by their places: a data set of the hub or of a directory in its form, or the list or data set that `module:function` returns.

    Raises:
        TableError, LoadError: as `load_dataset`, or when the rows have no places.
    """
    made = load_object(name)() if ":" in name else _from_hub(name, config, split)
    if isinstance(made, Mapping) or not (hasattr(made, "__len__") and hasattr(made, "__getitem__")):
        raise TableError(f"{name!r} must return a list of rows or a dataset, got {type(made).__name__}")
    return made


def _needs_datasets(name: str) -> None:
    require(f"dataset {name!r}", "datasets")


def _as_dataset(made: Any, name: str) -> Dataset:
    from datasets import Dataset

    if hasattr(made, "column_names") and not isinstance(made, dict):
        return made
    if isinstance(made, dict):
        raise TableError(f"{name!r} must return one dataset, got {type(made).__name__} of {sorted(map(str, made))[:10]}; return one of these")
    if isinstance(made, list) and made and all(isinstance(row, Mapping) for row in made):
        return Dataset(_faithful_table([dict(row) for row in made].__iter__))
    raise TableError(f"{name!r} must return a dataset or a list of rows, got {type(made).__name__}")


def _with_prompts(dataset: Any, name: str) -> Dataset:
    """A dataset as it is; one in Vertex AI's form with a column `prompt` and one for each reference.

    Raises:
        TableError: when a row of it is wrong.
    """
    from datasets import Dataset

    if "prompt" in dataset.column_names or not {"contents", "example"} & set(dataset.column_names):
        return dataset
    rows = [as_prompt_row(Row(number, 1, dict(values))) for number, values in enumerate(dataset, 1)]
    _check_problems(rows, name)
    return Dataset(_faithful_table(lambda: (row.values for row in rows)))


def _from_hub(name: str, config: str | None, split: str) -> Dataset:
    if Path(name).exists() and not Path(name).is_dir():
        raise TableError(f"{name}: the name of a data file ends in {', '.join(READABLE)}, found {Path(name).suffix or 'no ending'!r}")
    _needs_datasets(name)
    import datasets

    try:
        return datasets.load_dataset(name, config, split=split)
    except Exception as error:  # of datasets, of the hub's client, of the network: dozens of classes, and each says what is wrong
        why = " ".join(str(error.__cause__ or error).split())[:300]
        hint = "; did you mean " + repr(":".join(name.rsplit(".", 1))) + "?" if _DOTTED.fullmatch(name) else ""
        raise TableError(
            f"{name!r} is no data file and no module:function, and as a dataset on the hub it cannot be loaded: {type(error).__name__}: {why}{hint}"
        ) from error


def _from_parquet(name: str) -> Dataset:
    """A Parquet file has types of its own."""
    import datasets

    _check_rows(name)
    if "contents" in parquet_columns(name):
        return _from_text_file(name)
    try:
        return datasets.load_dataset("parquet", data_files=name, split="train")
    except Exception as error:
        raise TableError(f"{name}: cannot be read: {error.__cause__ or error}") from error


def _check_rows(name: str) -> None:
    """Check that a file has a first row.

    Raises:
        OSError, TableError: as `read_rows`, or without rows.
    """
    if next(read_rows(name), None) is None:
        raise TableError(f"{name}: the dataset file is empty: it has no rows")


def _check_problems(rows: Iterable[Row], name: str) -> None:
    """Check that all rows could be read.

    Raises:
        TableError: naming those that could not.
    """
    problems = [row for row in rows if row.values is None]
    if problems:
        listed = "; ".join(f"row {row.number}: {row.problem}" for row in problems[:_PRINTED])
        raise TableError(f"{name}: {len(problems)} row{'s' * (len(problems) > 1)} cannot be read: {listed}")


def _from_text_file(name: str) -> Dataset:
    from datasets import Dataset

    _check_rows(name)
    _check_problems(read_rows(name), name)
    return Dataset(_faithful_table(lambda: (row.values for row in read_rows(name) if row.values is not None)))


def _faithful_table(rows: Any) -> Any:
    """An Arrow table that gives back every value as it was.

    Args:
        rows: called twice for an iterator of rows: first to learn each column's type, then to fill it.
    """
    import pyarrow as pa

    columns = _learn(rows)
    schema = pa.schema([pa.field(name, column.type) for name, column in columns.items()])
    tables = [
        pa.table([column.array([row.get(name) for row in chunk]) for name, column in columns.items()], schema=schema) for chunk in _chunks(rows())
    ]
    return pa.concat_tables(tables)


def _learn(rows: Any) -> dict[str, _Column]:
    columns: dict[str, _Column] = {}
    for chunk in _chunks(rows()):
        for name in {name: None for row in chunk for name in row}:
            columns.setdefault(name, _Column()).learn([row.get(name) for row in chunk])
    return columns


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Column:
    """How a column is kept: with an Arrow type that changes no value, else as JSON, else as text.

    Attributes:
        type: its Arrow type.
    """

    def __init__(self) -> None:
        import pyarrow as pa

        self.type: Any = pa.null()
        self._form = "arrow"

    def learn(self, values: list[Any]) -> None:
        import pyarrow as pa

        if self._form == "arrow":
            found = _exact_type(values)
            if found is None or not (pa.types.is_null(found) or pa.types.is_null(self.type) or found == self.type):
                self._form, self.type = "json", pa.json_()
            elif pa.types.is_null(self.type):
                self.type = found
        if self._form == "json" and not all(map(_is_json_exact, values)):
            self._form, self.type = "text", pa.string()

    def array(self, values: list[Any]) -> Any:
        import pyarrow as pa

        if self._form == "arrow":
            return pa.array(values, self.type)
        write = json.dumps if self._form == "json" else _as_text
        texts = pa.array([None if value is None else write(value) for value in values], pa.string())
        return pa.ExtensionArray.from_storage(self.type, texts) if self._form == "json" else texts


def _exact_type(values: list[Any]) -> Any:
    """The Arrow type that gives back these values as they are; None when none does."""
    import pyarrow as pa

    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None
    return array.type if _are_same(array.to_pylist(), values) else None


def _are_same(found: Any, value: Any) -> bool:
    """Whether two values of JSON are equal, of the same types at every depth."""
    if type(found) is not type(value):
        return False
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(_are_same(found[key], item) for key, item in value.items())
    if isinstance(value, list):
        return len(found) == len(value) and all(map(_are_same, found, value))
    return found == value or (found != found and value != value)


def _is_json_exact(value: Any) -> bool:
    """Whether JSON of `datasets` gives back a value as it is: it reads numbers by its own rules."""
    from datasets.utils.json import ujson_loads

    try:
        return value is None or _are_same(ujson_loads(json.dumps(value)), value)
    except (ValueError, TypeError, OverflowError):
        return False


def _as_text(value: Any) -> str:
    """The text of a value, as scorers compare it; objects and lists as JSON text."""
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
