"""`rl-rewards score`: dataset in, scored dataset out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import NoCodeOption, RubricArgument, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors


def score(
    rubric: RubricArgument,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Rows to score: .jsonl, .json, .csv or .parquet.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Scored rows: .jsonl or .parquet.", show_default=False)],
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score every row of a dataset.

    A row has messages, or conversation, or prompt + completion, or instruction + response; its other columns are the references.
    Neighbours with equal prompts are one group. Added are score (the weighted total), and by reward scores, outcomes, reasons and
    components. The output appears when all is done, whole.

    Exit status: 0 everything was scored, 1 rows were left out or a reward failed on some, 2 nothing was written.
    """
    with user_errors(verbose):
        complete = _score(rubric, data, out, tokenizer, not no_code)
    if not complete:
        raise typer.Exit(INCOMPLETE)


def _score(rubric_name: str, data: Path, out: Path, tokenizer: str | None, code: bool) -> bool:
    """Whether every row was read, and scored by every reward that applies to it."""
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.cli.tokenizers import tokenize_with
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.atomic import atomic_path
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.readers import TableError, read_rows, table_size
    from rl_rewards.tables.scored import ADDED, scored_rows
    from rl_rewards.tables.writers import open_writer, writable_kind

    rubric, kind = load_target(rubric_name, code), writable_kind(out)
    tokenize, size = tokenize_with(tokenizer), table_size(data)
    whole_groups = any(reward.score.traits.needs_groups for reward in rubric)
    bad, totals, total, replaced = BadRows(data), Totals(), 0, set()
    with (
        atomic_path(out) as temporary,
        contextlib.closing(open_writer(kind, temporary, data, [reward.name for reward in rubric])) as writer,
        progress_over(size, "scoring") as advance,
    ):
        for batch in batches(read_rows(data), bad, whole_groups, tokenize):
            if batch.samples:
                result = rubric.evaluate(batch.samples)
                totals.count(result)
                writer.write(list(scored_rows(batch.values, result)))
                total += len(batch.rows)
                replaced.update(name for values in batch.values for name in ADDED if name in values)
                del result
            advance(batch.size)
            del batch  # before the next one is read
        if not total:
            raise TableError(f"{data}: no rows to score" + (f", {bad.count} with problems" if bad.count else ""))
    if replaced:
        say(f"columns of the data that were replaced: {', '.join(sorted(replaced))}")
    totals.report_failures()
    if bad.count:
        say(f"{bad.count} of {total + bad.count} rows were left out")
    totals.report_scores()
    say(f"{total} rows scored: {out}")
    return not bad.count and not totals.failed
