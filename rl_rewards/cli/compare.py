"""`rl-rewards compare`: two scored files or runs, prompt by prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl_rewards.cli.options import VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rich.table import Table

    from rl_rewards.comparing import Comparison, Difference

_SIDE = "A scored file, or a run's output directory or record (its last evaluation), or RUN@STEP."
# Characters of a prompt and of a completion that are shown.
_SHOWN = 160


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_SIDE, show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other side, in the same forms; differences are B minus A.", show_default=False)],
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Give the differences for each value of a column, too.", show_default=False)
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Exit with 1 where a reward's difference is so: correct<-0.01, total>=0.1. May be given several times.",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the comparison to this file as JSON.", show_default=False)] = None,
    verbose: VerboseOption = False,
) -> None:
    """Compare two scored files or runs, paired by prompt.

    Every reward that both have, and the weighted total: the difference B - A with its 95 % interval (paired bootstrap over prompts), and on
    which share of the prompts B is better; then the ten prompts that changed most. A row without a score is left out and counted.

    Exit status: 0 compared, 1 a condition of --fail-if holds, 2 the two cannot be compared.
    """
    with user_errors(verbose):
        held = _compare(a, b, by, fail_if or [], json_file)
    if held:
        raise typer.Exit(INCOMPLETE)


def _compare(a: str, b: str, by: str | None, fail_if: list[str], json_file: Path | None) -> bool:
    """Whether a condition holds."""
    import json

    from rich.console import Console

    from rl_rewards.comparing import CompareError, condition
    from rl_rewards.comparing import compare as compared
    from rl_rewards.tables.atomic import atomic_path

    conditions = [condition(text) for text in fail_if]
    comparison = compared(a, b, by)
    found = [(each, comparison[each.reward].difference) for each in conditions]
    if unknown := [each for each, difference in found if difference is None]:
        raise CompareError(f"{unknown[0]} cannot be decided: no prompt has a score of {unknown[0].reward!r} on both sides")
    console = Console()
    console.print(_table(comparison.differences, None))
    if by is not None:
        console.print(_table([each for differences in comparison.by.values() for each in differences], by, list(comparison.by)))
    _show_changes(comparison, console)
    _say_what_is_missing(comparison)
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    holding = [(each, difference) for each, difference in found if difference is not None and each.holds(difference)]
    for each, difference in holding:
        say(f"--fail-if {each}: holds, the difference is {difference:+.6g}")
    return bool(holding)


def _table(differences: list[Difference], by: str | None, values: list[str] | None = None) -> Table:
    """A line for each difference; with a column `by` as many of them for each of its values."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    if by is not None:
        table.add_column(Text(by), overflow="fold")
    sides = ("A", "B") if by is None else ()
    for heading in ("reward", *sides, "B - A", "95 % interval", "better", "worse", "prompts"):
        table.add_column(heading, justify="left" if heading == "reward" else "right", overflow="fold", no_wrap=heading != "reward")
    each_value = len(differences) // len(values) if values else 1
    for i, each in enumerate(differences):
        interval = "-" if each.low is None or each.high is None else f"{each.low:+.4f} to {each.high:+.4f}"
        means = [] if values else [_number(each.a), _number(each.b)]
        cells = [each.reward, *means, _number(each.difference, "+.4f"), interval]
        cells += [_number(each.better, ".1%"), _number(each.worse, ".1%"), f"{each.prompts:,}"]
        if values:
            cells.insert(0, values[i // each_value] if i % each_value == 0 else "")
        table.add_row(*map(Text, cells), end_section=bool(values) and i % each_value == each_value - 1)
    return table


def _number(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else format(value, form)


def _show_changes(comparison: Comparison, console: object) -> None:
    """Print the prompts that changed most."""
    from rl_rewards.cli.printable import printable

    if comparison.changed:
        print(f"The {len(comparison.changed)} prompts that changed most ({comparison.changed_in}):")
    for i, change in enumerate(comparison.changed, 1):
        print(f"{i:>3}. {change.a:.4g} -> {change.b:.4g}  {printable(_short(change.prompt))}")
        for side, completion, reason in (("A", change.completion_a, change.reason_a), ("B", change.completion_b, change.reason_b)):
            print(f"     {side}: {printable(_short(completion))}" + (f"  ({printable(_short(reason))})" if reason else ""))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _say_what_is_missing(comparison: Comparison) -> None:
    say(f"{comparison.paired:,} prompts on both sides, {comparison.only_a:,} in A alone, {comparison.only_b:,} in B alone")
    for side, rewards in (("A", comparison.rewards_a), ("B", comparison.rewards_b)):
        if rewards:
            say(f"rewards of {side} alone: {', '.join(rewards)}")
    for each in comparison.differences:
        if each.failed_a or each.failed_b:
            say(f"{each.reward}: {each.failed_a:,} rows of A and {each.failed_b:,} of B have no score, and are left out")
