"""The command `rl-rewards`: one file a verb. Verbs import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import typer

from rl_rewards.cli.preview import preview
from rl_rewards.cli.schema import schema
from rl_rewards.cli.score import score
from rl_rewards.cli.validate import validate

__all__ = ["app", "main"]

app = typer.Typer(
    name="rl-rewards",
    help="Score what language models write, with the rubric that trains them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _verb in (validate, preview, score, schema):
    app.command()(_verb)


def main() -> None:
    """Run the command line."""
    app()
