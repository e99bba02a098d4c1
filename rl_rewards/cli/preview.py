"""`rl-rewards preview`: the scores of some samples, with their reasons."""

from __future__ import annotations

import contextlib
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.options import NoCodeOption, RubricArgument, TokenizerOption, VerboseOption
from rl_rewards.cli.printable import printable
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.pipeline.columns import Evaluation, RewardColumn
    from rl_rewards.tables.readers import Row
    from rl_rewards.types import Sample


def preview(
    rubric: RubricArgument,
    samples: Annotated[Path, typer.Option("--samples", "-s", help="Samples: .jsonl, .json, .csv or .parquet.", show_default=False)],
    max_samples: Annotated[int, typer.Option(min=1, help="How many of them to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show for each sample its prompt and references, and what every reward parsed and scored, and why.

    Exit status: 0 every reward ran on every sample, 1 some did not, 2 nothing could be shown.
    """
    with user_errors(verbose):
        complete = _preview(rubric, samples, max_samples, as_json, tokenizer, not no_code)
    if not complete:
        raise typer.Exit(INCOMPLETE)


def _preview(rubric_name: str, path: Path, limit: int, as_json: bool, tokenizer: str | None, code: bool) -> bool:
    """Whether every row was a sample, and every reward ran on it or did not apply."""
    from rl_rewards.checks import literals_like_columns
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.cli.tokenizers import tokenize_with
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.readers import TableError, read_rows

    bad, totals, total, shown = BadRows(path), Totals(), 0, []
    columns: set[str] = set()
    with contextlib.redirect_stdout(sys.stderr):  # a user's function may print; standard output is ours
        rubric, tokenize = load_target(rubric_name, code), tokenize_with(tokenizer)
        source = read_rows(path)
        for batch in batches(itertools.islice(source, limit), bad, True, tokenize):
            if batch.samples:
                result = rubric.evaluate(batch.samples)
                totals.count(result)
                shown.append((batch.rows, result))
                total += len(batch.samples)
                columns.update(*(sample.references for sample in batch.samples))
        more = next(source, None) is not None
    if not total:
        raise TableError(f"{path}: no samples" + (f", {bad.count} row{'s' * (bad.count != 1)} with problems" if bad.count else ""))
    (_print_json if as_json else _print_tables)(shown)
    for reward in rubric:
        for literal, column in literals_like_columns(reward, columns):
            say(
                f"reward {reward.name!r} compares with the text {literal!r}, and the data has a column {column!r}: `reference: {column}` is the column"
            )
    if more:
        say(f"the first {limit} rows; --max-samples shows more")
    totals.report_failures()
    return not bad.count and not totals.failed


def _print_json(shown: list[tuple[list[Row], Evaluation]]) -> None:
    from rl_rewards.tables.scored import components
    from rl_rewards.tables.strict_json import strict_json

    records = []
    for rows, result in shown:
        for i, (row, total) in enumerate(zip(rows, result.totals(), strict=True)):
            sample = result.samples[i]
            rewards = {
                name: {
                    "parsed": column.answers[i],
                    "score": column.scores[i],
                    "outcome": column.results[i].outcome.value,
                    "reason": _reason(column, i),
                    "components": components(column.results[i]),
                    **({} if column.gate_open is None else {"gate_open": column.gate_open[i]}),
                }
                for name, column in result.columns.items()
            }
            references = {name: sample.references.get(name) for name in _columns_read(result)}
            records.append(
                {
                    "number": row.number,
                    "prompt": sample.prompt,
                    "references": references,
                    "response": sample.response,
                    "score": total,
                    "rewards": rewards,
                }
            )
    print(strict_json({"samples": records}, ascii_only=True, indent=2))  # a response may hold what a terminal cannot print


def _print_tables(shown: list[tuple[list[Row], Evaluation]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_rewards.parsers.identity import Identity
    from rl_rewards.tables.scored import components

    console = Console()
    for rows, result in shown:
        for i, (row, total) in enumerate(zip(rows, result.totals(), strict=True)):
            sample = result.samples[i]
            console.print(Text(f"\n{row.number}. {_shown(sample.response, 300)}"))
            console.print(Text(f"   prompt: {_shown(_last_words(sample), 300)}", style="dim"))
            for name in _columns_read(result):
                console.print(Text(f"   {name}: {_shown(sample.references.get(name), 200)}", style="dim"))
            table = Table(caption=f"total {_number(total)}{_skipped(result, i)}", caption_justify="left")
            for heading in ("reward", "weight", "score", "outcome", "parsed", "reason"):
                table.add_column(heading, overflow="fold")
            for name, column in result.columns.items():
                one, whole = column.results[i], isinstance(column.reward.parse, Identity) and not column.reward.score.traits.rewards
                if one.outcome == "skipped" and column.reward.when and not column.reward.selects(sample):
                    continue
                parsed = "the response" if whole else "-" if column.answers[i] is None else _shown(column.answers[i], 200)
                reason = _shown(_reason(column, i) or "", 400)
                cells = (name, f"{column.reward.weight:g}", _number(column.scores[i]), one.outcome.value, parsed, reason)
                table.add_row(*map(Text, cells))
                for part in components(one):
                    cells = (f"  {_shown(part['name'], 80)}", "", _number(part["score"]), "", "", _shown(part["reason"] or "", 200))
                    table.add_row(*(Text(cell, style="dim") for cell in cells))
            console.print(table)


def _reason(column: RewardColumn, i: int) -> str | None:
    """Why a reward has its score on a sample: what its scorer says, and its closed gate."""
    result, gate = column.results[i], column.reward.gate
    reason = result.error or result.reason
    if gate is None or column.gate_open is None or column.gate_open[i] is not False:
        return reason
    raw = column.raw[i]
    closed = f"gate closed: {gate.reward!r} is below {gate.at_least:g}" + ("" if raw is None else f"; without it {raw:.4g}")
    return f"{closed}; {reason}" if reason else closed


def _columns_read(result: Evaluation) -> list[str]:
    """The columns of the data that some reward reads, in order of the rewards."""
    return list(dict.fromkeys(name for column in result.columns.values() for name in sorted(column.reward.columns)))


def _skipped(result: Evaluation, i: int) -> str:
    """A note on the rewards that `when` leads elsewhere, which the table leaves out."""
    names = [
        name
        for name, column in result.columns.items()
        if column.reward.when and column.results[i].outcome == "skipped" and not column.reward.selects(result.samples[i])
    ]
    return f"; not for this row: {', '.join(names)}" if names else ""


def _last_words(sample: Sample) -> Any:
    """The text of a prompt: of a conversation its last turn."""
    from rl_rewards.types import Message

    turns = sample.prompt_turns
    return Message.model_validate(turns[-1]).text if turns else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _shown(value: Any, length: int) -> str:
    from rl_rewards.tables.strict_json import strict_json

    text = value if isinstance(value, str) else strict_json(value)
    return printable(text if len(text) <= length else text[: length - 1] + "…")
