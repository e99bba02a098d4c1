"""`rl-rewards score`: dataset in, scored dataset out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, check_target, load_target_or_folders
from rl_rewards.cli.options import NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, OptionError, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.evaluation.difficulty import MixedFilter
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.rubric import Rubric


def score(
    rubric: OptionalRubricArgument = None,
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Rows to score: .jsonl, .json, .csv or .parquet.", show_default=False)] = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Scored rows: .jsonl or .parquet; may be left out with --summary.", show_default=False)
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print every reward's mean and the rubric's aggregates, with 95 % intervals.")] = False,
    summary_json: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers of --summary to this file as JSON.", show_default=False)
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="mixed[:REWARD]",
            help="Write only rows of prompts that are neither always right nor always wrong, by a reward.",
            show_default=False,
        ),
    ] = None,
    tokenizer: TokenizerOption = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="rows|bedrock",
            help="rows: the data's columns and what scoring adds; bedrock: {id, aggregate_reward_score, metrics_list}, as an Amazon Bedrock Lambda returns.",
        ),
    ] = "rows",
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score every row of a dataset.

    A row has messages, or conversation, or prompt + completion, or instruction + response; its other columns are the references.
    Neighbours with equal prompts are one group. Added are score (the weighted total), and by reward scores, outcomes, reasons and
    components. The output appears when all is done, whole.

    Exit status: 0 everything was scored, 1 rows were left out, a reward failed on some, or an aggregate or filter found nothing, 2 nothing
    was written.
    """
    with user_errors(verbose):
        from rl_rewards.tables.writers import writable_kind

        if out is None and (keep is not None or not (summary or summary_json)):
            raise OptionError("Missing option '--out', which only --summary and --json do without")
        if metrics_folders and data is None and rubric is not None:  # one argument alone is the data
            rubric, data = None, Path(rubric)
        check_target(rubric, metrics_folders, weights)
        if data is None:
            raise OptionError("Missing argument 'DATA'")
        form, kind = _checked_form(form, out), None if out is None else writable_kind(out)
        loaded = load_target_or_folders(rubric, metrics_folders, weights, not no_code)
        complete = _score(loaded, data, out, kind, tokenizer, summary, summary_json, keep, form)
    if not complete:
        raise typer.Exit(INCOMPLETE)


def _checked_form(form: str, out: Path | None) -> str:
    """The form of the output.

    Raises:
        OptionError: when there is none of that name, or the file cannot hold it.
    """
    if form not in ("rows", "bedrock"):
        raise OptionError(f"--format must be rows or bedrock, got {form!r}")
    if form == "bedrock" and (out is None or out.suffix.lower() == ".parquet"):
        raise OptionError(f"--format bedrock needs --out with a .jsonl file, got {out}")
    return form


def _score(
    rubric: Rubric,
    data: Path,
    out: Path | None,
    kind: str | None,
    tokenizer: str | None,
    table: bool,
    json_file: Path | None,
    keep: str | None,
    form: str,
) -> bool:
    """Whether every row was read, and scored by every reward that applies to it, and every number is there."""
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.cli.tokenizers import tokenize_with
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.formats.bedrock import scored as bedrock_rows
    from rl_rewards.tables.atomic import atomic_path
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.keeping import keep_rows
    from rl_rewards.tables.readers import TableError, read_rows, table_size
    from rl_rewards.tables.scored import ADDED, scored_rows
    from rl_rewards.tables.writers import open_writer

    tokenize, size = tokenize_with(tokenizer), table_size(data)
    whole_groups = any(reward.score.traits.needs_groups for reward in rubric)
    bad, totals, total, replaced = BadRows(data), Totals(), 0, set()
    numbers = EvaluationSummary(rubric) if table or json_file else None
    mixed = None if keep is None else _filter(keep, rubric)
    with contextlib.ExitStack() as stack:
        temporary = None if out is None else stack.enter_context(atomic_path(out))
        writing = contextlib.nullcontext()
        if temporary is not None and kind is not None:
            writing = contextlib.closing(open_writer(kind, temporary, data, [reward.name for reward in rubric]))
        with writing as writer, progress_over(size, "scoring") as advance:
            for batch in batches(read_rows(data), bad, whole_groups, tokenize):
                if batch.samples:
                    result = rubric.evaluate(batch.samples)
                    totals.count(result)
                    for counter in (numbers, mixed):
                        if counter is not None:
                            counter.add(result)
                    if writer is not None and form == "bedrock":
                        writer.write(list(bedrock_rows(batch.values, result, total)))
                    elif writer is not None:
                        writer.write(list(scored_rows(batch.values, result)))
                        replaced.update(name for values in batch.values for name in ADDED if name in values)
                    total += len(batch.rows)
                    del result
                advance(batch.size)
                del batch  # before the next one is read
        if not total:
            raise TableError(f"{data}: no rows to score" + (f", {bad.count} with problems" if bad.count else ""))
        if mixed is not None and temporary is not None and kind is not None:
            keep_rows(temporary, kind, mixed.keep.tolist())
    if replaced:
        say(f"columns of the data that were replaced: {', '.join(sorted(replaced))}")
    totals.report_failures()
    if bad.count:
        say(f"{bad.count} of {total + bad.count} rows were left out")
    totals.report_scores()
    if mixed is not None:
        say(mixed.describe())
    kept = total if mixed is None else int(mixed.keep.sum())
    say(f"{total} rows scored" + ("" if out is None else f": {out}" if mixed is None else f", {kept} kept: {out}"))
    return _report(numbers, table, json_file) and not bad.count and not totals.failed and kept > 0


def _filter(keep: str, rubric: Rubric) -> MixedFilter:
    """The filter that `--keep` names.

    Raises:
        KeepError: when it names none.
    """
    from rl_rewards.evaluation.difficulty import KeepError, MixedFilter

    what, _, reward = keep.partition(":")
    if what != "mixed":
        raise KeepError(f"--keep must be mixed or mixed:REWARD, got {keep!r}")
    return MixedFilter(rubric, reward or None)


def _report(numbers: EvaluationSummary | None, table: bool, json_file: Path | None) -> bool:
    """Print the numbers, or write them; whether none of them lacks all of its rows."""
    if numbers is None:
        return True
    import json

    from rich.console import Console

    from rl_rewards.cli.summary_table import summary_notes, summary_table
    from rl_rewards.tables.atomic import atomic_path

    if table:
        Console().print(summary_table(numbers))
        for note in summary_notes(numbers):
            say(note)
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(json.dumps(numbers.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return not any(result.incomplete for result in numbers.results())
