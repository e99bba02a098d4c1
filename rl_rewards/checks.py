"""What can be known to be wrong before the GPUs burn: columns that are missing, rows that no reward handles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rl_rewards.rubric import Rubric

# A trainer passes these to a reward function by name; a dataset column of that name would shadow or break its call.
RESERVED_COLUMNS = frozenset({"prompts", "completions", "trainer_state", "log_extra", "log_metric", "environments"})


class RubricDataError(ValueError):
    """The rubric and the dataset do not fit together."""


def check_columns(rubric: Rubric, columns: Iterable[str]) -> None:
    """Check that every column a reward reads is there, and that none has a name that the trainer uses itself.

    Raises:
        RubricDataError: naming the rewards, the columns they miss and the columns that exist.
    """
    there = set(columns)
    missing = {reward.name: sorted(reward.columns - there) for reward in rubric.rewards if reward.columns - there}
    if missing:
        wants = "; ".join(f"reward {name!r} needs {', '.join(map(repr, needs))}" for name, needs in missing.items())
        raise RubricDataError(f"the dataset lacks columns that the rubric reads: {wants}; it has {sorted(there)}")
    reserved = sorted(there & RESERVED_COLUMNS)
    if reserved:
        raise RubricDataError(
            f"the dataset has columns {reserved}, names under which the trainer passes its own values to reward functions; rename them"
        )


def check_routes(rubric: Rubric, rows: Iterable[Mapping[str, Any]]) -> None:
    """Check that every value of a column that `when` routes by is handled by some reward.

    A row that only unrouted rewards would score is most likely a typo in a task name: it would train on format alone.

    Raises:
        RubricDataError: naming the column, the unhandled values with their row counts, and the values that are handled.
    """
    handled: dict[str, list[Any]] = {}
    for reward in rubric.rewards:
        for column, values in (reward.when or {}).items():
            handled.setdefault(column, []).extend(values if isinstance(values, list) else [values])
    if not handled:
        return
    unhandled: dict[str, Counter] = {column: Counter() for column in handled}
    for row in rows:
        for column, values in handled.items():
            if row.get(column) not in values:
                unhandled[column][repr(row.get(column))] += 1
    for column, counts in unhandled.items():
        if counts:
            found = ", ".join(f"{value} ({count} rows)" for value, count in counts.most_common(10))
            raise RubricDataError(
                f"no reward handles {column} = {found}; `when` handles {handled[column]}. "
                f"Add the value to a reward's `when`, or take the rows out of the dataset"
            )


def check_dataset(rubric: Rubric, dataset: Any) -> None:
    """Check a `datasets.Dataset` against the rubric: not empty, columns, routes. Streams of unknown columns are left to the first batch.

    Raises:
        RubricDataError: naming what does not fit.
    """
    columns = getattr(dataset, "column_names", None)
    if columns is None:
        return
    check_columns(rubric, columns)
    if hasattr(dataset, "__len__"):
        if len(dataset) == 0:
            raise RubricDataError("the dataset is empty: there is nothing to train on")
        routed = sorted({column for reward in rubric.rewards for column in (reward.when or {})})
        if routed:
            check_routes(rubric, dataset.select_columns(routed))
