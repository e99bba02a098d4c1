"""`rl-rewards preview`: the scores of some samples, with their reasons."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, check_target, load_target_or_folders
from rl_rewards.cli.options import NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, OptionError, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.cli.preview_report import Shown
    from rl_rewards.rubric import Rubric
    from rl_rewards.tables.readers import Row

# What the code of a metric folder may use in its worker process.
_FOLDER_MEMORY_MB = 4096


class Remote(StrEnum):
    """A service that previews metric folders itself."""

    fireworks = "fireworks"


def preview(
    rubric: OptionalRubricArgument = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    samples: Annotated[Path | None, typer.Option("--samples", "-s", help="Samples: .jsonl, .json, .csv or .parquet.", show_default=False)] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "--huggingface-dataset",
            "--hf",
            metavar="NAME",
            help="Samples from a dataset instead: a file, MODULE:FUNCTION, or a hub id.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", "--huggingface-split", help="With --dataset: its split on the hub.")] = "train",
    prompt_key: Annotated[
        str | None,
        typer.Option(
            "--prompt-key", "--huggingface-prompt-key", metavar="COLUMN", help="With --dataset: the column with the prompt.", show_default="prompt"
        ),
    ] = None,
    response_key: Annotated[
        str | None,
        typer.Option(
            "--response-key",
            "--huggingface-response-key",
            metavar="COLUMN",
            help="With --dataset: the column with the response to score.",
            show_default="response",
        ),
    ] = None,
    key_map: Annotated[
        str | None,
        typer.Option(
            "--key-map",
            "--huggingface-key-map",
            metavar="JSON",
            help='With --dataset: columns to rename, {"gold": "ground_truth"}.',
            show_default=False,
        ),
    ] = None,
    max_samples: Annotated[int, typer.Option(min=1, help="How many of them to show.")] = 20,
    remote: Annotated[
        Remote | None, typer.Option(help="Ask this service's own preview instead of running the folders' code here.", show_default=False)
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="With --metrics-folders: seconds that a sample may take; with --remote: the call.")
    ] = 60.0,
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --metrics-folders: an environment variable that the folders' code may see.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show for each sample its prompt and references, and what every reward parsed and scored, and why.

    The code of --metrics-folders runs here and now, in worker processes, which see nothing of the environment but what --env names.

    Exit status: 0 every reward ran on every sample, 1 some did not, 2 nothing could be shown.
    """
    with user_errors(verbose):
        source = _Source(samples, dataset, split, prompt_key, response_key, key_map)
        check_target(rubric, metrics_folders, weights)
        if env and not metrics_folders:
            raise OptionError("--env goes with --metrics-folders: a rubric's rewards run with the whole environment")
        if remote is not None:
            if not metrics_folders:
                raise OptionError(f"--remote {remote.value} previews --metrics-folders, and a RUBRIC is previewed here")
            complete = _remote(metrics_folders, source, max_samples, timeout, as_json)
        else:
            with contextlib.redirect_stdout(sys.stderr):  # a user's function may print; standard output is ours
                isolation = {"isolate": True, "timeout": timeout, "memory_mb": _FOLDER_MEMORY_MB} if metrics_folders else {}
                loaded = load_target_or_folders(rubric, metrics_folders, weights, not no_code, **isolation)
                if metrics_folders:
                    loaded = _with_variables(loaded, env or [])
            complete = _preview(loaded, source, max_samples, as_json, tokenizer, bool(metrics_folders), not no_code)
    if not complete:
        raise typer.Exit(INCOMPLETE)


class _Source:
    """Where the samples come from.

    Raises:
        OptionError: when that is said twice or not at all, or dataset options go without a dataset.
        TableError: for a key map that is none.
    """

    def __init__(self, samples: Path | None, dataset: str | None, split: str, prompt: str | None, response: str | None, keys: str | None) -> None:
        from rl_rewards.tables.key_map import key_map_of

        if (samples is None) == (dataset is None):
            raise OptionError("Missing option '--samples', or --dataset" if samples is None else "give either --samples or --dataset, got both")
        if dataset is None and (prompt or response or keys):
            raise OptionError("--prompt-key, --response-key and --key-map go with --dataset: the columns of --samples have their names already")
        self._samples, self._dataset, self._split = samples, dataset, split
        self._keys = key_map_of(prompt, response, keys)
        self.name = str(samples if samples is not None else dataset)

    def rows(self) -> Iterator[Row]:
        from rl_rewards.tables.datasets import dataset_rows
        from rl_rewards.tables.readers import read_rows

        if self._samples is not None:
            return read_rows(self._samples)
        assert self._dataset is not None
        return self._keys.rows(dataset_rows(self._dataset, split=self._split))


def _with_variables(rubric: Rubric, names: list[str]) -> Rubric:
    from rl_rewards.folders.environment import with_environment

    if missing := [name for name in names if name not in os.environ]:
        raise OptionError(f"--env must name variables of the environment, and {', '.join(missing)} is not set")
    return with_environment(rubric, {name: os.environ[name] for name in names})


def _preview(rubric: Rubric, source: _Source, limit: int, as_json: bool, tokenizer: str | None, with_seconds: bool, code: bool) -> bool:
    """Whether every row was a sample, and every reward ran on it or did not apply."""
    from rl_rewards import loading
    from rl_rewards.checks import literals_like_columns
    from rl_rewards.cli.preview_report import Shown, print_json, print_tables, print_totals
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.group_key import BY_PROMPT
    from rl_rewards.tables.group_order import in_groups
    from rl_rewards.tables.readers import TableError
    from rl_rewards.tables.tokenizing import tokenize_with

    bad, totals, total, scattered = BadRows(source.name), Totals(), 0, 0
    shown: list[Shown] = []
    columns: set[str] = set()
    with contextlib.redirect_stdout(sys.stderr), loading.no_code() if not code else contextlib.nullcontext():
        tokenize, rows = tokenize_with(tokenizer), source.rows()
        taken: Iterable[Row] = itertools.islice(rows, limit)
        if any(reward.score.traits.needs_groups for reward in rubric):
            taken, scattered = in_groups(taken, BY_PROMPT)
        for batch in batches(taken, bad, True, tokenize):
            if batch.samples:
                result = rubric.evaluate(batch.samples)
                seconds = {name: [each.seconds for each in column.results] for name, column in result.columns.items()} if with_seconds else None
                totals.count(result)
                shown.append(Shown(batch.rows, result, seconds))
                total += len(batch.samples)
                columns.update(*(sample.references for sample in batch.samples))
        more = next(rows, None) is not None
    if not total:
        raise TableError(f"{source.name}: no samples" + (f", {bad.count} row{'s' * (bad.count != 1)} with problems" if bad.count else ""))
    if as_json:
        print_json(shown)
    else:
        print_tables(shown)
        if with_seconds:
            print_totals(shown)
    for reward in rubric:
        for literal, column in literals_like_columns(reward, columns):
            say(
                f"reward {reward.name!r} compares with the text {literal!r}, and the data has a column {column!r}: `reference: {column}` is the column"
            )
    if scattered:
        say(f"the rows of {scattered} group{'s' * (scattered != 1)} are not next to each other in the data, and are shown by group")
    if more:
        say(f"the first {'row' if limit == 1 else f'{limit} rows'}; --max-samples shows more")
    totals.report_failures()
    return not bad.count and not totals.failed


def _remote(values: list[str], source: _Source, limit: int, timeout: float, as_json: bool) -> bool:
    """Whether the service gave every sample a score."""
    from rl_rewards.cli.preview_report import print_remote
    from rl_rewards.cli.reports import BadRows
    from rl_rewards.deploying.credentials import fireworks_credentials
    from rl_rewards.deploying.fireworks import Fireworks
    from rl_rewards.deploying.previewing import preview_on_fireworks
    from rl_rewards.folders import load_folders, named_folders
    from rl_rewards.runtime.calling.limits import CallLimits
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.readers import TableError

    folders, bad = named_folders(values), BadRows(source.name)
    service = Fireworks(fireworks_credentials(), CallLimits(timeout=timeout, retries=2))
    rows: list[dict[str, Any]] = []
    for batch in batches(itertools.islice(source.rows(), limit), bad):
        for sample in batch.samples:  # the service reads conversations
            rows.append({"messages": sample.conversation, **sample.references})
    if not rows:
        raise TableError(f"{source.name}: no samples")
    with contextlib.redirect_stdout(sys.stderr):
        load_folders(values)  # a mistake in the code is found here, with its line, before anything is sent
    answer = preview_on_fireworks(service, folders, rows)
    print_remote(answer, as_json)
    if len(answer.results) != answer.sent:
        say(f"the service must answer for {answer.sent} samples, got {len(answer.results)} results")
    return answer.complete and not bad.count
