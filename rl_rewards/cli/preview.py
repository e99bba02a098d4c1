"""`rl-rewards preview`: what a rubric says of some samples, and why."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.options import RubricArgument, TokenizerOption, VerboseOption
from rl_rewards.cli.printable import printable
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.tables.readers import Row


def preview(
    rubric: RubricArgument,
    samples: Annotated[Path, typer.Option("--samples", "-s", help="Samples: .jsonl, .csv or .parquet.", show_default=False)],
    max_samples: Annotated[int, typer.Option(min=1, help="How many of them to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    tokenizer: TokenizerOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show for each sample what every reward parsed and scored, and why.

    Exit status: 0 every reward ran on every sample, 1 some did not, 2 nothing could be shown.
    """
    with user_errors(verbose):
        complete = _preview(rubric, samples, max_samples, as_json, tokenizer)
    if not complete:
        raise typer.Exit(INCOMPLETE)


def _preview(rubric_name: str, path: Path, limit: int, as_json: bool, tokenizer: str | None) -> bool:
    """Whether every row was a sample, and every reward ran on it or did not apply."""
    from rl_rewards.cli.reports import BadRows, Failures
    from rl_rewards.cli.tokenizers import tokenize_with
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.readers import TableError, read_rows

    bad, failures, total, shown = BadRows(path), Failures(), 0, []
    with contextlib.redirect_stdout(sys.stderr):  # a user's function may print; standard output is ours
        rubric, tokenize = load_target(rubric_name), tokenize_with(tokenizer)
        source = read_rows(path)
        for batch in batches(itertools.islice(source, limit), bad, True, tokenize):
            if batch.samples:
                result = rubric.evaluate(batch.samples)
                failures.count(result)
                shown.append((batch.rows, result))
                total += len(batch.samples)
        more = next(source, None) is not None
    if not total:
        raise TableError(f"{path}: no samples" + (f", {bad.count} rows with problems" if bad.count else ""))
    (_print_json if as_json else _print_tables)(shown)
    if more:
        say(f"the first {limit} rows; --max-samples shows more")
    failures.tell(total)
    return not bad.count and not failures


def _print_json(shown: list[tuple[list[Row], Evaluation]]) -> None:
    from rl_rewards.tables.scored import components

    records = []
    for rows, result in shown:
        for i, (row, total) in enumerate(zip(rows, result.totals(), strict=True)):
            rewards = {
                name: {
                    "parsed": column.answers[i],
                    "score": column.scores[i],
                    "outcome": column.results[i].outcome.value,
                    "reason": column.results[i].error or column.results[i].reason,
                    "components": components(column.results[i]),
                }
                for name, column in result.columns.items()
            }
            records.append({"number": row.number, "response": result.samples[i].response, "score": total, "rewards": rewards})
    print(json.dumps({"samples": records}, indent=2, default=str))  # in ASCII: a response may hold what a terminal cannot print


def _print_tables(shown: list[tuple[list[Row], Evaluation]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_rewards.parsers.identity import Identity
    from rl_rewards.tables.scored import components

    console = Console()
    for rows, result in shown:
        for i, (row, total) in enumerate(zip(rows, result.totals(), strict=True)):
            console.print(Text(f"\n{row.number}. {_shown(result.samples[i].response, 300)}"))
            table = Table(caption=f"total {_number(total)}", caption_justify="left")
            for heading in ("reward", "weight", "score", "outcome", "parsed", "reason"):
                table.add_column(heading, overflow="fold")
            for name, column in result.columns.items():
                one, whole = column.results[i], isinstance(column.reward.parse, Identity)
                parsed = "the response" if whole else "-" if column.answers[i] is None else _shown(column.answers[i], 200)
                reason = _shown(one.error or one.reason or "", 400)
                cells = (name, f"{column.reward.weight:g}", _number(column.scores[i]), one.outcome.value, parsed, reason)
                table.add_row(*map(Text, cells))
                for part in components(one):
                    cells = (f"  {_shown(part['name'], 80)}", "", _number(part["score"]), "", "", _shown(part["reason"] or "", 200))
                    table.add_row(*(Text(cell, style="dim") for cell in cells))
            console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _shown(value: Any, length: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= length else text[: length - 1] + "…")
