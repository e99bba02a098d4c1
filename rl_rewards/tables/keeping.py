"""A scored file without some of its rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["keep_rows"]

_PARQUET_ROWS = 4096


def keep_rows(path: Path, kind: str, keep: Sequence[bool]) -> None:
    """Rewrite a file with the rows whose place in `keep` is true, in order, a batch in memory at a time.

    Args:
        kind: the ending that says how it is written; `path` itself may have another.
    """
    kept = path.with_name(path.name + ".kept")
    try:
        (_keep_parquet if kind == ".parquet" else _keep_lines)(path, kept, iter(keep))
        os.replace(kept, path)
    finally:
        kept.unlink(missing_ok=True)


def _keep_lines(path: Path, kept: Path, keep: Iterator[bool]) -> None:
    with open(path, "rb") as source, open(kept, "wb") as target:
        target.writelines(line for line, wanted in zip(source, keep, strict=True) if wanted)


def _keep_parquet(path: Path, kept: Path, keep: Iterator[bool]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as source, pq.ParquetWriter(kept, source.schema_arrow) as target:
        for batch in source.iter_batches(batch_size=_PARQUET_ROWS):
            target.write_batch(batch.filter(pa.array([next(keep) for _ in range(batch.num_rows)], pa.bool_())))
