"""`--metrics-folders name=path ...`: metric folders in place of a RUBRIC, for every verb that takes one."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from rl_rewards.cli.user_errors import OptionError

if TYPE_CHECKING:
    from rl_rewards.rubric import Rubric

_FLAGS = ("--metrics-folders", "-m", "--weights")
_PAIR = re.compile(r"[^-=/][^=/]*=.*", re.DOTALL)


class FoldersCommand(TyperCommand):
    """A command whose options of pairs take several values after one flag: `--metrics-folders a=./a b=./b`, repeated or not."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for flag, value in itertools.pairwise([*args, "--"]):
            if flag in _FLAGS and value.startswith("-"):
                found = "nothing" if value == "--" else repr(value)
                ctx.fail(f"Option '{flag}' needs at least one name={'number' if flag == '--weights' else 'path'}, got {found}")
        return super().parse_args(ctx, one_flag_for_each_pair(args))


def one_flag_for_each_pair(args: Sequence[str]) -> list[str]:
    """The arguments with the flag repeated before each further `name=value` that follows its first one."""
    spread: list[str] = []
    flag: str | None = None
    for place, argument in enumerate(args):
        if argument == "--":
            return [*spread, *args[place:]]
        if argument in _FLAGS:
            flag = argument
        elif argument.partition("=")[0] in _FLAGS:
            flag = argument.partition("=")[0]
        elif flag is not None and spread[-1] != flag:
            if _PAIR.fullmatch(argument):
                spread.append(flag)
            else:
                flag = None
        spread.append(argument)
    return spread


MetricsFoldersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metrics-folders",
        "-m",
        metavar="NAME=PATH ...",
        help="Metric folders in place of RUBRIC: the metric's name and a folder with `evaluate` in its main.py, or one of harbor-rewardkit. "
        "Several are one rubric.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=NUMBER ...", help="With --metrics-folders: weights in the total, 1 for those not named.", show_default=False),
]
OptionalRubricArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUBRIC",
        help="A rubric file, or MODULE:NAME or FILE.py:NAME of a Rubric, a Reward or a @reward_function. Left out with --metrics-folders.",
        show_default=False,
    ),
]


def load_target_or_folders(
    rubric: str | None, folders: Sequence[str] | None, weights: Sequence[str] | None, code: bool = True, **isolation: Any
) -> Rubric:
    """The rubric of a command line: a RUBRIC, or what --metrics-folders names.

    Args:
        isolation: how folders are isolated, as for `load_folders`.

    Raises:
        OptionError: when there is neither or both; what loading raises.
    """
    from rl_rewards.folders import load_folders
    from rl_rewards.loading import no_code
    from rl_rewards.rubric_files.target import load_target

    check_target(rubric, folders, weights)
    if rubric is not None:
        return load_target(rubric, code)
    with contextlib.nullcontext() if code else no_code():
        return load_folders(folders or (), pairs_of_numbers(weights or (), "--weights"), **isolation)


def check_target(rubric: str | None, folders: Sequence[str] | None, weights: Sequence[str] | None, directories: bool = False) -> None:
    """Check that a command line names one thing to score with.

    Args:
        directories: whether RUBRIC may be a directory of rubric files.

    Raises:
        OptionError: when there is neither a RUBRIC nor folders, or both, or weights without folders.
    """
    if rubric is not None and folders:
        raise OptionError(f"give either RUBRIC or --metrics-folders, got both: {rubric!r} is no name=path, so it is taken as RUBRIC")
    if rubric is not None and os.path.isdir(rubric) and not directories:
        name = os.path.basename(os.path.abspath(rubric))
        raise OptionError(f"RUBRIC must be a file, got the directory {rubric!r}; a metric folder is given as --metrics-folders {name}={rubric}")
    if rubric is None and not folders:
        raise OptionError("Missing argument 'RUBRIC', or --metrics-folders name=path")
    if weights and not folders:
        raise OptionError("--weights goes with --metrics-folders; a rubric file has its own weights")


def pairs_of_numbers(values: Sequence[str], option: str) -> dict[str, float]:
    """`name=number` as a mapping.

    Raises:
        OptionError: for a value of another form, or a name that is there twice.
    """
    numbers: dict[str, float] = {}
    for value in values:
        name, equals, number = value.partition("=")
        try:
            if not equals or name in numbers:
                raise ValueError
            numbers[name] = float(number)
        except ValueError:
            raise OptionError(f"{option} must be name=number, each name once, got {value!r}") from None
    return numbers
