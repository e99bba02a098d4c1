"""The report that a training script writes at its end."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from rl_rewards.reporting.report import write_report
from rl_rewards.user_errors import MissingPackageError

__all__ = ["write_report_at_end"]

logger = logging.getLogger(__name__)


def write_report_at_end(record: str | os.PathLike[str]) -> Path | None:
    """Write `report.html` beside a run's record, and print where it is. Never raises: the model is trained, and still to be used.

    A missing extra `report` is said in one line; any other failure is logged with its traceback.

    Args:
        record: the run's `rewards.parquet`.

    Returns:
        The report; None where it could not be written.
    """
    target = Path(record).with_name("report.html")
    try:
        path = write_report([record], target)
    except MissingPackageError as error:
        print(f"no report.html: {error}")
        return None
    except Exception:
        logger.exception("the run's report could not be written; try again with: rl-rewards report %s --out %s", record, target)
        return None
    print(f"the run's report: {path}")
    return path
