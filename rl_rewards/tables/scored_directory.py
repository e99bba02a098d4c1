"""The directory that `rl-rewards score --out DIR` writes: its files' names, and which of its parts are done.

    DIR/part-00000.parquet ...     scored rows, in the order of the data, each file whole or not there
    DIR/_run.json                  what the run is made of: data, rubric, blocks, with digests
    DIR/_commits/00000.json ...    one for each part that is done: its rows, its size, its counts
    DIR/_done.json                 written last: how many parts and rows there are

Readers of Parquet directories (pyarrow, pandas, datasets, Ray Data) pass over names that begin with `_`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rl_rewards.tables.table_error import TableError

__all__ = ["COMMITS", "DONE", "RUN", "is_scored_directory", "part_name", "parts_of"]

RUN = "_run.json"
DONE = "_done.json"
COMMITS = "_commits"


def part_name(index: int) -> str:
    """The file of a part, counted from 0."""
    return f"part-{index:05d}.parquet"


def is_scored_directory(path: str | os.PathLike[str]) -> bool:
    """Whether `score` wrote a directory, or is writing it."""
    return (Path(path) / RUN).is_file()


def parts_of(path: str | os.PathLike[str]) -> list[Path]:
    """The parts of a directory in the order of their rows.

    Raises:
        TableError: when the run that writes it is not done, or parts are missing.
    """
    directory = Path(path)
    try:
        done: Any = json.loads((directory / DONE).read_text(encoding="utf-8"))
        parts = [directory / part_name(int(index)) for index in done["parts"]]
    except FileNotFoundError:
        raise TableError(f"{directory}: not all of its parts are scored: type the command that writes it again, and it goes on") from None
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(f"{directory / DONE} must name the parts of a scored directory: {error!r}") from None
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise TableError(
            f"{directory}: {len(missing)} of {len(parts)} parts are missing, the first: {missing[0]}; type the command that writes it again"
        )
    return parts
