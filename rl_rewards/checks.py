"""What can be known to be wrong before the GPUs burn: columns that are missing, rows that no reward handles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from rl_rewards.rubric import Rubric
from rl_rewards.user_errors import UserError

# A trainer passes these to a reward function by name; a dataset column of that name would shadow or break its call.
RESERVED_COLUMNS = frozenset({"prompts", "completions", "trainer_state", "log_extra", "log_metric", "environments"})


class RubricDataError(UserError, ValueError):
    """The rubric and the dataset do not fit together."""


def check_columns(rubric: Rubric, columns: Iterable[str], more: bool = False) -> None:
    """Check that every column a reward reads is there, that no literal is a column's name, and no column has a name of the trainer's own.

    Args:
        columns: names of the dataset's columns.
        more: whether rollouts bring further columns, so that a missing one may still come.

    Raises:
        RubricDataError: naming the rewards, the columns they miss and the columns that exist.
    """
    there = set(columns)
    for reward in rubric.rewards:
        for literal in sorted(reward.score.traits.literals & there):
            raise RubricDataError(
                f"reward {reward.name!r} compares with the text {literal!r}, and the dataset has a column of that name; write "
                f"`reference: {literal}` or '{{{{references.{literal}}}}}' for the column, or rename the column"
            )
    missing = {reward.name: sorted(reward.columns - there) for reward in rubric.rewards if reward.columns - there and not more}
    if missing:
        wants = "; ".join(f"reward {name!r} needs {', '.join(map(repr, needs))}" for name, needs in missing.items())
        raise RubricDataError(f"the dataset lacks columns that the rubric reads: {wants}; it has {sorted(there)}{_nearest(missing, there)}")
    reserved = sorted(there & RESERVED_COLUMNS)
    if reserved:
        raise RubricDataError(
            f"the dataset has columns {reserved}, names under which the trainer passes its own values to reward functions; rename them"
        )


def _nearest(missing: Mapping[str, list[str]], there: set[str]) -> str:
    near = {match[0] for names in missing.values() for name in names if (match := get_close_matches(name, there, n=1))}
    return f"; did you mean {', '.join(map(repr, sorted(near)))}?" if near else ""


def check_routes(rubric: Rubric, rows: Iterable[Mapping[str, Any]]) -> None:
    """Check that every row is handled: that some weighted reward applies to it, and one that reads a reference where routed ones do.

    A row that only rewards of form would score is most likely a typo in a task name: it would train on format alone. Metrics route no
    row. A rubric with `unhandled: allow` takes such rows as they are.

    Raises:
        RubricDataError: naming the column, the unhandled values with their row counts, and the values that are handled.
    """
    weighted = [reward for reward in rubric.rewards if reward.weight != 0]
    routed = [reward for reward in weighted if reward.when]
    if not routed or rubric.unhandled == "allow":
        return
    reads = any(reward.score.traits.columns for reward in routed)
    handling = [reward for reward in weighted if reward.score.traits.columns or not reads]
    columns = sorted({column for reward in routed for column in (reward.when or {})})
    unhandled: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        if not any(reward.applies_to(row) for reward in handling):
            unhandled[tuple(f"{column} = {row.get(column)!r}" for column in columns)] += 1
    if unhandled:
        found = "; ".join(f"{', '.join(values)} ({count} row{'s' * (count != 1)})" for values, count in unhandled.most_common(10))
        routes = {reward.name: reward.when for reward in routed}
        raise RubricDataError(
            f"no reward handles {found}: `when` selects {routes}. Add the value to a reward's `when`, take the rows out of the dataset, "
            f"or set `unhandled: allow` in the rubric"
        )


def check_dataset(rubric: Rubric, dataset: Any, more_columns: bool = False) -> None:
    """Check a `datasets.Dataset` against the rubric: not empty, columns, routes. Streams of unknown columns are left to the first batch.

    Args:
        more_columns: whether rollouts bring further columns.

    Raises:
        RubricDataError: naming what does not fit.
    """
    columns = getattr(dataset, "column_names", None)
    if columns is None:
        return
    check_columns(rubric, columns, more_columns)
    if hasattr(dataset, "__len__"):
        if len(dataset) == 0:
            raise RubricDataError("the dataset is empty: there is nothing to train on")
        routed = sorted({column for reward in rubric.rewards for column in (reward.when or {})})
        if routed and set(routed) <= set(columns):
            check_routes(rubric, dataset.select_columns(routed))
