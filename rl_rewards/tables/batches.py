"""Rows -> batches of samples, small enough to keep memory flat and never in the middle of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.tables.readers import Row, TableError
from rl_rewards.types import Sample
from rl_rewards.types.rows import RowError, Tokenize, sample_of

# A batch ends at either: enough rows to keep workers and models busy, and not more text than fits beside them.
BATCH_ROWS = 1024
BATCH_BYTES = 4 << 20
# More neighbours with one prompt than this is no group, but a column that is always the same.
GROUP_ROWS = 65_536


@dataclass(slots=True)
class RowBatch:
    """Rows and their samples, in the file's order. `size` is the bytes of the file that it took, rows with problems included."""

    rows: list[Row] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    size: int = 0

    @property
    def values(self) -> list[dict[str, Any]]:
        """The columns of each row."""
        return [row.values for row in self.rows if row.values is not None]


def batches(rows: Iterable[Row], report: Callable[[Row], None], whole_groups: bool = False, tokenize: Tokenize | None = None) -> Iterator[RowBatch]:
    """Batches of samples; neighbours with equal prompts are one group.

    Args:
        report: called with each row with a problem; it is left out.
        whole_groups: never end a batch within a group, for rewards that compare the completions to one prompt.
        tokenize: text -> token ids, for rows without a column `completion_ids`.

    Raises:
        TableError: when a group is too large to be one.
    """
    batch, group, group_rows = RowBatch(), 0, 0
    for row in rows:
        sample = _sample(row, tokenize)
        if sample is None:
            report(row)
            batch.size += row.size
            continue
        opens_group = not batch.samples or sample.prompt != batch.samples[-1].prompt
        full = len(batch.rows) >= BATCH_ROWS or batch.size >= BATCH_BYTES
        if full and (opens_group or not whole_groups):
            yield batch
            batch, group, group_rows = RowBatch(), 0, 0
        elif opens_group and batch.samples:
            group, group_rows = group + 1, 0
        group_rows += 1
        if whole_groups and group_rows > GROUP_ROWS:
            raise TableError(
                f"row {row.number}: more than {GROUP_ROWS} neighbours have the same prompt, but a reward of this rubric compares the "
                f"completions to one prompt with each other"
            )
        sample.index, sample.group = len(batch.samples), group
        batch.rows.append(row)
        batch.samples.append(sample)
        batch.size += row.size
    if batch.size:
        yield batch


def _sample(row: Row, tokenize: Tokenize | None) -> Sample | None:
    """The row's sample; None, with the row's problem set, when it is none."""
    if row.values is None:
        return None
    try:
        return sample_of(row.values, 0, tokenize)
    except RowError as error:
        row.problem = str(error)
        return None
