"""`rl-rewards score`: dataset in, scored dataset out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, check_target, pairs_of_numbers
from rl_rewards.cli.options import GroupByOption, NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.score_rows import EngineName, ScoreOptions, check_options, score_rows
from rl_rewards.cli.user_errors import INCOMPLETE, OptionError, user_errors


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
    group_by: GroupByOption = None,
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
        options = ScoreOptions(
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
        check_options(options)
        complete = score_rows(options)
    if not complete:
        raise typer.Exit(INCOMPLETE)
