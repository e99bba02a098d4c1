"""The command `rl-rewards`: one file a verb. Verbs import what they need when they run, so that `--help` answers at once.

Every verb ends with status 0 when all is well, 1 when it found something or a row failed, and 2 when it could not run.
"""

from __future__ import annotations

from typing import Annotated

import typer

from rl_rewards import __version__
from rl_rewards.cli.audit import audit
from rl_rewards.cli.bridge import bridge
from rl_rewards.cli.calibrate import calibrate
from rl_rewards.cli.compare import compare
from rl_rewards.cli.deploy import deploy
from rl_rewards.cli.evaluate import evaluate
from rl_rewards.cli.explain import explain, list_kinds
from rl_rewards.cli.export import export
from rl_rewards.cli.folder_options import FoldersCommand
from rl_rewards.cli.init import init
from rl_rewards.cli.optimize import optimize
from rl_rewards.cli.preview import preview
from rl_rewards.cli.report import report
from rl_rewards.cli.rescore import rescore
from rl_rewards.cli.schema import schema
from rl_rewards.cli.score import score
from rl_rewards.cli.serve import serve
from rl_rewards.cli.validate import validate
from rl_rewards.cli.watch import watch

__all__ = ["app", "main"]

app = typer.Typer(
    name="rl-rewards",
    help="Score what language models write, with the rubric that trains them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_WITH_FOLDERS = (preview, score, audit, serve, deploy)
for _verb in (validate, preview, score, compare, evaluate, audit, optimize, calibrate, rescore, report, watch, serve, deploy):
    app.command(cls=FoldersCommand if _verb in _WITH_FOLDERS else None)(_verb)

app.command("list")(list_kinds)
for _verb in (export, bridge, explain, schema, init):
    app.command()(_verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"rl-rewards {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Score what language models write, with the rubric that trains them."""


def main() -> None:
    """Run the command line; a signal that ends it leaves no half-written file."""
    from rl_rewards.tables.atomic import clean_up_on_signals

    clean_up_on_signals()
    app()
