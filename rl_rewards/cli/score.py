"""`rl-rewards score`: dataset in, scored dataset out."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, check_target, pairs_of_numbers
from rl_rewards.cli.options import NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, OptionError, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.evaluation.difficulty import MixedFilter
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.rubric import Rubric
    from rl_rewards.scale.engines import Engine
    from rl_rewards.scale.rubric_reference import RubricReference
    from rl_rewards.scale.run import Run
    from rl_rewards.scale.scoring import BlockResult
    from rl_rewards.scale.splitting import Split
    from rl_rewards.tables.blocks import Source


class EngineName(StrEnum):
    local = "local"
    ray = "ray"


def score(
    rubric: OptionalRubricArgument = None,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Rows to score: .jsonl, .json, .csv or .parquet, a directory that --out wrote, a data set of the hub or of a directory in its form.",
            show_default=False,
        ),
    ] = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|DIR",
            help="Scored rows: a .jsonl or .parquet file, whole or not there; or a directory of .parquet parts, where the same command goes on "
            "after a kill. May be left out with --summary.",
            show_default=False,
        ),
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
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes of this machine that score, with the same output as one; with --engine ray: its CPUs.", show_default=False
        ),
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="local: this machine; ray: Ray Data, on this machine or on a cluster; needs --out DIR.")] = (
        EngineName.local
    ),
    address: Annotated[
        str | None, typer.Option(help="With --engine ray: the cluster's HOST:PORT, or auto; by default one is started here.", show_default=False)
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(min=1, help="With --engine ray: processes that hold models, one GPU each; by default the GPUs, or one.", show_default=False),
    ] = None,
    block_rows: Annotated[
        int | None, typer.Option(min=1, help="Rows that are scored, and in a directory written, at a time: 1024, and 8192.", show_default=False)
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Rows with equal values here are one group, for rewards that compare the completions of a group, wherever the rows are; may be given "
            "several times. By default prompt_id, and equal prompts where rows have none.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of a data set on the hub.")] = "train",
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
    Rows with equal prompts, or with equal values in --group-by, are one group. Added are score (the weighted total), and by reward scores, outcomes, reasons and
    components. A file appears when all is done, whole; a directory has a part for each block that is done.

    Exit status: 0 everything was scored, 1 rows were left out, a reward failed on some, or an aggregate or filter found nothing, 2 nothing
    was written.
    """
    with user_errors(verbose):
        if out is None and (keep is not None or not (summary or summary_json)):
            raise OptionError("Missing option '--out', which only --summary and --json do without")
        if metrics_folders and data is None and rubric is not None:  # one argument alone is the data
            rubric, data = None, rubric
        check_target(rubric, metrics_folders, weights)
        if data is None:
            raise OptionError("Missing argument 'DATA'")
        options = _Options(
            rubric,
            tuple(metrics_folders or ()),
            pairs_of_numbers(weights or (), "--weights"),
            data,
            out,
            summary,
            summary_json,
            keep,
            workers,
            engine,
            address,
            actors,
            block_rows,
            tuple(group_by or ()),
            split,
            tokenizer,
            form,
            not no_code,
        )
        _check(options)
        complete = _score(options)
    if not complete:
        raise typer.Exit(INCOMPLETE)


@dataclass(frozen=True)
class _Options:
    """What was typed."""

    rubric: str | None
    folders: tuple[str, ...]
    weights: Mapping[str, float]
    data: str
    out: Path | None
    table: bool
    json_file: Path | None
    keep: str | None
    workers: int | None
    engine: EngineName
    address: str | None
    actors: int | None
    block_rows: int | None
    group_by: tuple[str, ...]
    split: str
    tokenizer: str | None
    form: str
    code: bool

    @property
    def directory(self) -> bool:
        """Whether the output is a directory: its name has no ending, or it is one."""
        return self.out is not None and (not self.out.suffix or (self.out / "_run.json").is_file())

    @property
    def encoding(self) -> str | None:
        """How rows are encoded for a file."""
        if self.out is None or self.form == "bedrock":
            return None if self.out is None else "bedrock"
        return "table" if self.out.suffix.lower() == ".parquet" else "lines"


def _check(options: _Options) -> None:
    """Check options that do not go together.

    Raises:
        OptionError, TableError: naming them.
    """
    from rl_rewards.tables.writers import writable_kind

    if options.form not in ("rows", "bedrock"):
        raise OptionError(f"--format must be rows or bedrock, got {options.form!r}")
    if options.form == "bedrock" and (options.out is None or options.directory or options.out.suffix.lower() == ".parquet"):
        raise OptionError(f"--format bedrock needs --out with a .jsonl file, got {options.out}")
    if options.form == "bedrock" and (options.workers or 1) > 1:
        raise OptionError("--format bedrock counts rows without an id one after the other: leave --workers out")
    if options.keep is not None and options.directory:
        raise OptionError(f"--keep needs --out with a .jsonl or .parquet file, got the directory {options.out}")
    if options.engine is EngineName.ray and not options.directory:
        raise OptionError(f"--engine ray needs --out with a directory, a name without an ending, got {options.out}")
    if options.engine is EngineName.local:
        for name, value in (("--address", options.address), ("--actors", options.actors)):
            if value is not None:
                raise OptionError(f"{name} needs --engine ray")
    if options.address is not None and options.workers is not None:
        raise OptionError("--workers is for this machine, and a cluster at --address has CPUs of its own: give one of them")
    if options.out is not None and not options.directory:
        writable_kind(options.out)


def _score(options: _Options) -> bool:
    """Whether every row was read, and scored by every reward that applies to it, and every number is there."""
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.scale.rubric_reference import RubricReference
    from rl_rewards.scale.run import Run
    from rl_rewards.scale.splitting import split_of
    from rl_rewards.tables.group_key import GroupKey
    from rl_rewards.tables.keeping import keep_rows
    from rl_rewards.tables.readers import TableError
    from rl_rewards.tables.sources import open_source
    from rl_rewards.tables.writers import writable_kind

    reference, rubric = RubricReference.of(options.rubric, options.code, options.folders, options.weights)
    data = os.path.abspath(options.data) if options.engine is EngineName.ray and os.path.exists(options.data) else options.data
    source, split = open_source(data, split=options.split), split_of(rubric)
    numbers = EvaluationSummary(rubric) if options.table or options.json_file else None
    mixed = None if options.keep is None else _filter(options.keep, rubric)
    bad, totals, total, replaced = BadRows(options.data), Totals(), 0, set()
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(_engine(options, split))
        _say_what_pays(options, reference, split, source)
        counted = numbers is not None or options.directory
        run = Run(reference, rubric, source, engine, options.block_rows, options.tokenizer, counted, GroupKey(options.group_by))
        stack.enter_context(_output_named(options))
        temporary = stack.enter_context(_temporary(options))
        with progress_over(source.size, "scoring") as advance:
            for result in _results(options, run, temporary, None if mixed is None else mixed.reward, advance):
                bad.add(result.bad, result.problems)
                totals.add(result.tallies, result.failures)
                if numbers is not None and result.numbers is not None:
                    numbers.merge_state(result.numbers)
                if mixed is not None:
                    mixed.merge_state(result.mixed)
                replaced |= result.replaced
                total += result.rows
                del result  # before the next one is made
        if not total:
            raise TableError(f"{options.data}: no rows to score" + (f", {bad.count} with problems" if bad.count else ""))
        if mixed is not None and temporary is not None and options.out is not None:
            keep_rows(temporary, writable_kind(options.out), mixed.keep.tolist())
    if replaced:
        say(f"columns of the data that were replaced: {', '.join(sorted(replaced))}")
    if run.groups is not None:
        say(run.groups.describe(run.key))
    elif options.group_by:
        say("--group-by changes nothing: no reward of this rubric compares the completions of a group")
    totals.report_failures()
    if bad.count:
        say(f"{bad.count} of {total + bad.count} rows were left out")
    totals.report_scores()
    if mixed is not None:
        say(mixed.describe())
    kept = total if mixed is None else int(mixed.keep.sum())
    out = options.out
    say(f"{total} rows scored" + ("" if out is None else f": {out}" if mixed is None else f", {kept} kept: {out}"))
    return _report(numbers, options.table, options.json_file) and not bad.count and not totals.failed and kept > 0


def _results(options: _Options, run: Run, temporary: Path | None, mixed: str | None, advance: Callable[[int], None]) -> Iterator[BlockResult]:
    if options.directory and options.out is not None:
        return run.to_directory(options.out, advance)
    return run.to_file(temporary, options.encoding, mixed, advance)


@contextlib.contextmanager
def _output_named(options: _Options) -> Iterator[None]:
    """Name the output in an error of writing, which knows no file where a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and options.out is not None:
            error.filename = os.fspath(options.out)
        raise


@contextlib.contextmanager
def _temporary(options: _Options) -> Iterator[Path | None]:
    """The file that is written; None where there is none, or a directory is written."""
    from rl_rewards.tables.atomic import atomic_path

    if options.out is None or options.directory:
        yield None
        return
    with atomic_path(options.out) as temporary:
        yield temporary


def _say_what_pays(options: _Options, reference: RubricReference, split: Split, source: Source) -> None:
    """Say that Ray costs more than it gives, where a sample of the rows says so."""
    from rl_rewards.scale.cost import PAYS_FROM, seconds_per_row

    if options.engine is not EngineName.ray:
        return
    seconds = seconds_per_row(reference, split, source, options.tokenizer)
    if seconds is not None and seconds < PAYS_FROM:
        say(f"a row takes {1000 * seconds:.2g} ms here, and Ray pays from about {1000 * PAYS_FROM:g} ms a row: --workers N is faster on one machine")


@contextlib.contextmanager
def _engine(options: _Options, split: Split) -> Iterator[Engine]:
    """Where blocks are scored."""
    from rl_rewards.scale.engines import Here, Processes

    if options.engine is EngineName.ray:
        from rl_rewards.scale.ray_data import RayEngine

        with RayEngine(split, options.address, options.workers, options.actors) as engine:
            yield engine
        return
    workers = options.workers or 1
    if workers > 1 and split.undivided:
        say(f"rows are scored in one process, whatever --workers says: {split.undivided}")
        workers = 1
    yield Here() if workers == 1 else Processes(workers)


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
