"""`rl-rewards report`: what runs learned, as one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import VerboseOption
from rl_rewards.cli.user_errors import OptionError, say, user_errors


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN [RUN ...]",
            help="A run's output directory or rewards.parquet, a file of `score --out` or `evaluate --save`, or a directory with one.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page.")] = Path("report.html"),
    verbose: VerboseOption = False,
) -> None:
    """Write a page that shows what runs learned: curves, groups, outcomes, warnings, and the completions themselves.

    Several runs are overlaid. The page is one file that needs no network. A run may still go on.

    Exit status: 0 the page was written, 2 it was not.
    """
    with user_errors(verbose):
        from rl_rewards.reporting import write_report

        if out.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"--out must be a file that ends in .html, got {str(out)!r}")
        if not out.absolute().parent.is_dir():
            raise NotADirectoryError(2, "No such directory", str(out.parent))
        path = write_report(list(runs), out)
        say(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")
