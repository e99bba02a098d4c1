"""What can be known to be wrong before the GPUs burn: columns that are missing, rows that no reward handles, references that cannot be used."""

from __future__ import annotations

from rl_rewards.checks.columns import (
    RESERVED_COLUMNS,
    RubricDataError,
    check_columns,
    check_token_ids,
    check_weights,
    literals_like_columns,
    missing_labels,
)
from rl_rewards.checks.dataset import check_dataset
from rl_rewards.checks.routes import RouteCheck, check_routes
from rl_rewards.checks.rows import RowChecks

__all__ = [
    "RESERVED_COLUMNS",
    "RouteCheck",
    "RowChecks",
    "RubricDataError",
    "check_columns",
    "check_dataset",
    "check_routes",
    "check_token_ids",
    "check_weights",
    "literals_like_columns",
    "missing_labels",
]
