"""`rl-rewards bridge`: the lines and flags with which another trainer uses a rubric."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import NoCodeOption, VerboseOption
from rl_rewards.cli.user_errors import OptionError, user_errors


def bridge(
    trainer: Annotated[
        str,
        typer.Argument(
            metavar="TRAINER",
            help="verl, openrlhf, verifiers, prime-rl, nemo-gym, ms-swift, skyrl-gym, tinker, trl, axolotl, unsloth, open-instruct or slime.",
            show_default=False,
        ),
    ],
    rubric: Annotated[str, typer.Option("--rubric", metavar="FILE", help="A rubric file, or MODULE:NAME.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Python file to write; by default it is printed before the flags.", show_default=False)
    ] = None,
    unscorable: Annotated[
        str,
        typer.Option(
            metavar="POLICY", help="What a row without a score becomes where the trainer cannot leave it out: raise, drop_group or group_mean."
        ),
    ] = "raise",
    column: Annotated[
        str | None, typer.Option(help="The column that the trainer's one label is, where the rubric reads several.", show_default=False)
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REWARD/NAME", help="A component that gets a name of its own in the log of verl, OpenRLHF or ms-swift.", show_default=False
        ),
    ] = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the few lines and flags with which a trainer uses a rubric.

    Exit status: 0 written, 2 not: the trainer is not known or cannot use this rubric.
    """
    with user_errors(verbose):
        print(_text(trainer, rubric, out, unscorable, column, tuple(component or ()), not no_code), end="")


def _text(name: str, target: str, out: Path | None, unscorable: str, column: str | None, components: tuple[str, ...], code: bool) -> str:
    from rl_rewards.bridges.lines import Wanted, lines_for, trainer_named
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.atomic import atomic_path

    trainer = trainer_named(name)
    rubric = load_target(target, code)
    file = out if out is not None else Path(trainer.file or "rewards.py")
    if out is not None and trainer.file is not None and out.suffix != ".py":
        raise OptionError(f"--out must be a Python file for {trainer.title}, got {str(out)!r}; did you mean {str(out.with_suffix('.py'))!r}?")
    path = str(Path(target).resolve()) if Path(target).exists() else target
    lines = lines_for(trainer, Wanted(rubric, path, str(file.resolve() if out is not None else file), unscorable, column, components))
    note = f"# {lines.note}\n" if lines.note else ""
    if out is None:
        return (f"# {file}\n{lines.file}\n" if lines.file is not None else "") + note + lines.use
    with atomic_path(out) as temporary:
        temporary.write_text(lines.file if lines.file is not None else note + lines.use, encoding="utf-8")
    return note + lines.use if lines.file is not None else ""
