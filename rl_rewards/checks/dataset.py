"""A `datasets.Dataset` against a rubric, before training."""

from __future__ import annotations

import logging
from typing import Any

from rl_rewards.checks.columns import RubricDataError, check_columns
from rl_rewards.checks.routes import check_routes
from rl_rewards.checks.rows import RowChecks
from rl_rewards.rubric import Rubric
from rl_rewards.tool_calls import names_tool_call

__all__ = ["check_dataset"]

logger = logging.getLogger(__name__)

# Rows whose references are read before training, spread over the dataset: what is wrong with all is wrong with these. `rl-rewards validate`
# reads every row.
_READ_ROWS = 1000
_told: set[str] = set()
"""Warnings of this process: a recipe, a callback and the first batch all check the same datasets."""
_LEAST_ROWS = 20  # of those that a reward applies to, where not all rows are read


def check_dataset(rubric: Rubric, dataset: Any, more_columns: bool = False) -> None:
    """Check a `datasets.Dataset` against the rubric: not empty, columns, routes, references. Streams of unknown columns are left to the first batch.

    Args:
        more_columns: whether rollouts bring further columns.

    Raises:
        RubricDataError: naming what does not fit.
    """
    columns = getattr(dataset, "column_names", None)
    if columns is None:
        return
    check_columns(rubric, columns, more_columns)
    if not hasattr(dataset, "__len__"):
        return
    if len(dataset) == 0:
        raise RubricDataError("the dataset is empty: there is nothing to train on")
    routed = sorted({column for reward in rubric.rewards for column in (reward.when or {}) if not names_tool_call(column)})
    if routed and set(routed) <= set(columns):
        check_routes(rubric, dataset.select_columns(routed))
    if rubric.columns <= set(columns) and hasattr(dataset, "select"):
        _check_rows(rubric, dataset)


def _check_rows(rubric: Rubric, dataset: Any) -> None:
    """Read some rows as training would; warn of what does not fit in some of them.

    Raises:
        RubricDataError: when a reward can use no reference, or prompts have several shapes.
    """
    has_prompt = "prompt" in dataset.column_names
    read = dataset.with_format(None).select_columns([*sorted(rubric.columns), *(["prompt"] if has_prompt else [])])
    step = max(1, len(read) // _READ_ROWS)
    places = range(0, len(read), step)
    checks = RowChecks(rubric, prompts=has_prompt)
    for place, row in zip(places, read.select(places)):
        checks.add(row, place + 1)
    checks.finish(least=1 if step == 1 else _LEAST_ROWS)
    for line in [*checks.findings, *checks.warnings]:
        if line not in _told:
            _told.add(line)
            logger.warning("%s", line)
