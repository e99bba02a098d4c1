"""Rows -> batches of samples, small enough to keep memory flat and never in the middle of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.tables.group_key import BY_PROMPT, GroupKey
from rl_rewards.tables.readers import Row, TableError
from rl_rewards.types import Sample
from rl_rewards.types.rows import RowError, Tokenize, sample_of

# A batch ends at either: enough rows to keep workers and models busy, and not more text than fits beside them.
BATCH_ROWS = 1024
BATCH_BYTES = 4 << 20
# More rows of one group than this is no group, but a column that is always the same.
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


def batches(
    rows: Iterable[Row],
    report: Callable[[Row], None],
    whole_groups: bool = False,
    tokenize: Tokenize | None = None,
    groups: GroupKey = BY_PROMPT,
) -> Iterator[RowBatch]:
    """Batches of samples; neighbours of one group are numbered as one.

    Args:
        report: called with each row with a problem; it is left out.
        whole_groups: never end a batch within a group, for rewards that compare the completions to one prompt.
        tokenize: text -> token ids, for rows without a column `completion_ids`.
        groups: what tells groups apart.

    Raises:
        TableError: when a group is too large to be one, or a row lacks a column of `groups`.
    """
    batch, group, group_rows, last = RowBatch(), 0, 0, None
    for row in rows:
        sample = _sample(row, tokenize)
        if sample is None:
            report(row)
            batch.size += row.size
            continue
        key = _key(row, sample, groups)
        opens_group = not batch.samples or key != last
        full = len(batch.rows) >= BATCH_ROWS or batch.size >= BATCH_BYTES
        if full and (opens_group or not whole_groups):
            yield batch
            batch, group, group_rows = RowBatch(), 0, 0
        elif opens_group and batch.samples:
            group, group_rows = group + 1, 0
        group_rows, last = group_rows + 1, key
        if whole_groups and group_rows > GROUP_ROWS:
            raise TableError(too_large(row.number, groups))
        sample.index, sample.group = len(batch.samples), group
        batch.rows.append(row)
        batch.samples.append(sample)
        batch.size += row.size
    if batch.size:
        yield batch


def too_large(number: int, groups: GroupKey) -> str:
    """The message about a group that is none, at the row of this number."""
    return (
        f"row {number}: a group must have at most {GROUP_ROWS} rows, got more {groups.describe()}; a reward of this rubric "
        "compares the completions of a group with each other"
    )


def _key(row: Row, sample: Sample, groups: GroupKey) -> Any:
    """What is equal for neighbours of one group, found without work where prompts tell."""
    values: dict[str, Any] = row.values or {}
    if not groups.columns and values.get("prompt_id") is None:
        return (sample.prompt,)
    try:
        return groups.text(values, sample.prompt)
    except TableError as error:
        raise TableError(f"row {row.number}: {error}") from None


def _sample(row: Row, tokenize: Tokenize | None) -> Sample | None:
    """The row's sample; None, with the row's problem set, when it is none."""
    if row.values is None:
        return None
    try:
        return sample_of(row.values, 0, tokenize)
    except RowError as error:
        row.problem = str(error)
        return None
