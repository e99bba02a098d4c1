"""A recorder's record -> a Run."""

from __future__ import annotations

from pathlib import Path

from rl_rewards.reporting.record_builder import RecordBuilder
from rl_rewards.reporting.record_tables import RecordTables
from rl_rewards.reporting.run import Run
from rl_rewards.reporting.trainer_log import trainer_log

__all__ = ["read_recorded"]


def read_recorded(tables: RecordTables, path: Path, name: str) -> Run:
    """Read a record, one row group in memory at a time.

    Args:
        path: what the user named: the run's directory or its file.
    """
    builder = RecordBuilder()
    for table in tables():
        builder.add(table)
    run = builder.build(name, tables)
    directory = path if path.is_dir() else path.parent
    kept = next((file for file in (directory / "rubric.yaml", directory / "_rewards" / "rubric.yaml") if file.is_file()), directory / "rubric.yaml")
    if tables.record is not None:
        run.rubric, run.config, run.versions = tables.record.rubric, tables.record.config, tables.record.versions
    elif kept.is_file():
        run.rubric = kept.read_text(encoding="utf-8", errors="replace")
    run.logged = trainer_log(directory)
    return run
