"""`rl-rewards init`: a new rubric or metric folder, with samples and a test."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import VerboseOption
from rl_rewards.cli.user_errors import user_errors


class Kind(StrEnum):
    """What is made."""

    rubric = "rubric"
    folder = "folder"


def init(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="A directory that is new or empty; its name is the metric's.", show_default=False)],
    kind: Annotated[Kind, typer.Option(help="A rubric file, or a metric folder with `evaluate` in its main.py.")] = Kind.rubric,
    verbose: VerboseOption = False,
) -> None:
    """Make a rubric or a metric folder to begin with, with samples and a test that passes.

    Exit status: 0 it was made, 2 it was not: there is something of that name already.
    """
    with user_errors(verbose):
        from rl_rewards.folders.scaffold import scaffold

        files, commands = scaffold(name, kind.value)
        for file in files:
            print(file)
        print("\nnext:")
        for command in (f"cd {shlex.quote(str(name))}", *commands):
            print(f"  {command}")
