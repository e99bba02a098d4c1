"""`read_run`: a run's directory, its record or a scored file -> a Run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.record_source import read_recorded
from rl_rewards.reporting.record_tables import record_of
from rl_rewards.reporting.run import Run
from rl_rewards.reporting.scored_source import read_scored, scored_file_in

__all__ = ["read_run", "unique_names"]


def read_run(source: str | os.PathLike[str], name: str | None = None) -> Run:
    """Read a run: its output directory (also while it goes on), its `rewards.parquet`, a file that `rl-rewards score --out` or
    `rl-rewards evaluate --save` wrote, or a directory that holds one of these.

    Raises:
        ReportError: when it is none of these, or holds no completions.
        OSError: when it cannot be read.
    """
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    named = name or _name_of(path)
    if (record := record_of(path)) is not None:
        run = read_recorded(record, path, named)
    else:
        run = read_scored(scored_file_in(path) if path.is_dir() else path, named)
    if not len(run):
        raise ReportError(f"{path}: holds no completions")
    return run


def _name_of(path: Path) -> str:
    if path.is_dir():
        return path.resolve().name or str(path)
    return path.resolve().parent.name if path.name == "rewards.parquet" else path.stem


def unique_names(runs: Iterable[Run]) -> list[str]:
    """Names that tell runs apart: a number behind those that several have."""
    names: list[str] = []
    for run in runs:
        name, number = run.name, 2
        while name in names:
            name, number = f"{run.name} ({number})", number + 1
        names.append(name)
    return names
