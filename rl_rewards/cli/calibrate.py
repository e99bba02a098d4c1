"""`rl-rewards calibrate`: scores beside human labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl_rewards.cli.options import GroupByOption, NoCodeOption, RubricArgument, TokenizerOption, VerboseOption
from rl_rewards.cli.printable import printable
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.calibration import Calibration


def calibrate(
    rubric: RubricArgument,
    labels: Annotated[Path, typer.Option(metavar="FILE", help="Labelled rows: .jsonl, .json, .csv or .parquet.", show_default=False)],
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the label, compared with the total and every reward; or REWARD=COLUMN, or REWARD.COMPONENT=COLUMN. May be given "
            "several times; by default the column `label`.",
            show_default=False,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL", help="The good label, or of numbers the lowest good one; by default yes, or above the middle.", show_default=False
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, max=100_000, help="Bootstrap resamples for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    group_by: GroupByOption = None,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compare a rubric's scores with people's labels: kappa, accuracy, AUC, biases, and the threshold that fits best.

    A row is written as for `score`, with a label beside it: yes or no, a number, or a name (--positive says which is good). Intervals are
    taken over prompts. Rows without a label are passed over; rows without a score are counted and in no number.

    Exit status: 0 every labelled row has a score, 1 some have none or were left out, 2 nothing could be compared.
    """
    with user_errors(verbose):
        complete = _calibrate(rubric, labels, label or ["label"], positive, resamples, seed, as_json, tuple(group_by or ()), tokenizer, not no_code)
    if not complete:
        raise typer.Exit(INCOMPLETE)


def _calibrate(
    rubric_name: str,
    path: Path,
    columns: list[str],
    positive: str | None,
    resamples: int,
    seed: int,
    as_json: bool,
    group_by: tuple[str, ...],
    tokenizer: str | None,
    code: bool,
) -> bool:
    """Whether every labelled row has a score."""
    from rl_rewards.user_errors import require

    require("calibrate", "sklearn")
    from rl_rewards.calibration import Comparison, LabelError, pairings
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.batches import batches
    from rl_rewards.tables.group_key import BY_PROMPT, GroupKey
    from rl_rewards.tables.group_order import in_groups
    from rl_rewards.tables.readers import read_rows, table_size
    from rl_rewards.tables.strict_json import strict_json
    from rl_rewards.tables.tokenizing import tokenize_with

    rubric, tokenize, size = load_target(rubric_name, code), tokenize_with(tokenizer), table_size(path)
    comparisons = [Comparison(pairing) for pairing in pairings(rubric, columns)]
    bad, totals = BadRows(path), Totals()
    whole_groups = any(reward.score.traits.needs_groups for reward in rubric)
    prompts: dict[str, int] = {}
    seen: set[str] = set()
    rows, key, scattered = read_rows(path), GroupKey(group_by), 0
    if whole_groups:
        rows, scattered = in_groups(rows, key)
    elif group_by:
        say("--group-by changes nothing: no reward of this rubric compares the completions of a group")
    with progress_over(size, "scoring") as advance:
        for batch in batches(rows, bad, whole_groups, tokenize, key if whole_groups else BY_PROMPT):
            if batch.samples:
                seen.update(*(sample.references for sample in batch.samples))
                _check_columns(path, comparisons, seen)
                evaluation = rubric.evaluate(batch.samples)
                totals.count(evaluation)
                numbers = [prompts.setdefault(repr(sample.prompt), len(prompts)) for sample in batch.samples]
                for comparison in comparisons:
                    comparison.add(evaluation, numbers)
            advance(batch.size)
    if not seen:
        raise LabelError(f"{path}: no rows to compare" + (f", {bad.count} with problems" if bad.count else ""))
    found = [comparison.calibration(positive, resamples, seed) for comparison in comparisons]
    if as_json:
        print(strict_json({"comparisons": [dict(each.to_json()) for each in found]}, ascii_only=True, indent=2))
    else:
        _print(found)
    if scattered:
        say(
            f"the rows of {scattered} group{'s' * (scattered != 1)} {key.describe()} are not next to each other in the data, and were scored as whole groups"
        )
    totals.report_failures()
    return not bad.count and not any(each.unscored for each in found)


def _check_columns(path: Path, comparisons: list, seen: set[str]) -> None:
    from difflib import get_close_matches

    from rl_rewards.calibration import LabelError

    for column in {comparison.pairing.column for comparison in comparisons} - seen:
        near = get_close_matches(column, seen, n=1)
        raise LabelError(
            f"{path}: there is no column {column!r} with labels; it has {', '.join(sorted(seen))}"
            + (f"; did you mean --label {near[0]}?" if near else "")
        )


def _print(found: list[Calibration]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for each in found:
        measured = each.agreement
        counted = (
            f"{measured.rows} rows of {measured.prompts} prompt{'s' * (measured.prompts != 1)}, {measured.positive} good (label from {each.cut:g})"
        )
        left = [f"{each.unscored} without a score"] if each.unscored else []
        left += [f"{each.unlabelled} without a label"] if each.unlabelled else []
        table = Table(
            title=printable(f"{each.pairing.score} and {each.pairing.column}"),
            caption="; ".join([counted, *left]),
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("")
        table.add_column("value [95 % interval]")
        lines = [("AUC", measured.auc), ("rank correlation", measured.spearman), ("best threshold", f"{measured.threshold:.4g}")]
        lines += [("kappa there", measured.kappa), ("  on rows held out", measured.held_out_kappa)]
        lines += [("accuracy there", measured.accuracy), ("  on rows held out", measured.held_out_accuracy)]
        lines += [("weighted kappa, all levels", measured.weighted_kappa), ("accuracy, all levels", measured.exact)]
        lines += [
            (f"{bias.name} bias{' FOUND' if bias.found else ''}", f"{bias.estimate} ({bias.measure}; {bias.unbiased:g} without one)")
            for bias in each.biases
        ]
        for name, value in lines:
            if value is not None:
                table.add_row(Text(name), Text(str(value)))
        console.print(table)
    if any(bias.found for each in found for bias in each.biases):
        say("a bias was found: its interval leaves out what an unbiased judge has")
