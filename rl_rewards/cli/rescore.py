"""`rl-rewards rescore`: what another rubric would have said of a run."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.options import NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.auditing.rescore import Rescoring


def rescore(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A run's output directory, or its rewards.parquet.", show_default=False)],
    rubric: Annotated[str, typer.Option(metavar="NEW", help="The rubric to score with: a file, MODULE:NAME or FILE.py:NAME.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the completions with old and new scores: .jsonl or .parquet.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score the completions of a recorded run with another rubric, and show what changes: scores, order within groups, useful groups.

    Exit status: 0 every reward scored, 1 a reward failed on some rows, 2 nothing could be scored.
    """
    with user_errors(verbose):
        found = _rescored(record, rubric, out, tokenizer, not no_code)
        if as_json:
            from rl_rewards.tables.strict_json import strict_json

            print(strict_json(found.as_dict(), indent=2))
        else:
            _print(found)
    if found.failed:
        raise typer.Exit(INCOMPLETE)


def _rescored(record: Path, rubric: str, out: Path | None, tokenizer: str | None, code: bool) -> Rescoring:
    from rl_rewards.auditing.rescore import Rescoring
    from rl_rewards.auditing.rescore import rescore as rescored
    from rl_rewards.auditing.targets import as_rubric
    from rl_rewards.tables.atomic import atomic_path
    from rl_rewards.tables.scored import scored_rows
    from rl_rewards.tables.tokenizing import tokenize_with
    from rl_rewards.tables.writers import open_writer, writable_kind

    found = Rescoring()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))  # a user's function may print; standard output is ours
        loaded = as_rubric(rubric, code)
        batches = rescored(record, loaded, tokenize=tokenize_with(tokenizer))
        writer: Any = None
        if out is not None:
            temporary = stack.enter_context(atomic_path(out))
            writer = stack.enter_context(contextlib.closing(open_writer(writable_kind(out), temporary, record, [reward.name for reward in loaded])))
        for batch in batches:
            found.count(batch)
            if writer is not None:
                keys = [dict(zip(("step", "mode", "rank", "group", "index"), key, strict=True)) for key in batch.keys]
                rows = [
                    {**key, "prompt": sample.prompt, "completion": sample.completion, "old_score": old, **sample.references}
                    for key, sample, old in zip(keys, batch.evaluation.samples, batch.old_totals, strict=True)
                ]
                writer.write(list(scored_rows(rows, batch.evaluation)))
    return found


def _print(found: Rescoring) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("reward", "mean before", "mean after", "changed", "only before", "only after"):
        table.add_column(heading, overflow="fold")
    for name, change in (("total", found.total), *found.rewards.items()):
        means = (f"{change.old:.4g}", f"{change.new:.4g}", f"{change.changed} of {change.rows}") if change.rows else ("", "", "")
        table.add_row(*map(Text, (name, *means, str(change.lost), str(change.gained))))
    Console().print(table)
    numbers = found.as_dict()["groups"]
    say(
        f"{found.completions} completions, {found.groups} groups: {numbers['reordered']:.1%} ranked otherwise, {numbers['new_best']:.1%} with another best"
    )
    say(f"groups with spread: {numbers['useful_before']:.1%} before, {numbers['useful_after']:.1%} after")
    for name, rows in found.failed.items():
        say(f"reward {name!r} failed on {rows} of {found.completions} rows")
