"""`rl-rewards audit`: what does a rubric pay for?"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, load_target_or_folders
from rl_rewards.cli.options import NoCodeOption, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rl_rewards.auditing import AuditReport, Finding
    from rl_rewards.rubric import Rubric

_LEVELS = ("error", "warning", "note", "never")
_SHOWN_RESPONSE = 160


def audit(
    data: Annotated[
        str,
        typer.Option(
            help="Rows to audit on, named as training data: a .jsonl, .json, .csv or .parquet file, MODULE:FUNCTION, or a hub id.", show_default=False
        ),
    ],
    rubric: OptionalRubricArgument = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    responses: Annotated[
        Path | None,
        typer.Option(
            help="What a policy said: rows with prompt and completion, several for a prompt; scored rows of `rl-rewards score` are read, too.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A policy to sample responses from instead: a directory or a hub id.", metavar="NAME", show_default=False)
    ] = None,
    samples: Annotated[int, typer.Option(help="With --model: responses for a prompt.", min=2)] = 8,
    prompts: Annotated[int, typer.Option(help="With --model: prompts to sample for.", min=1)] = 32,
    max_tokens: Annotated[int, typer.Option(help="With --model: tokens of a response at most.", min=1)] = 256,
    fail_on: Annotated[
        str,
        typer.Option(
            help="The least severity that ends with status 1: error (a dishonest response is paid, an honest one is not, or the score cannot be trusted), warning, note, or never."
        ),
    ] = "error",
    step_budget: Annotated[float | None, typer.Option(help="Seconds that the rewards of 1,000 completions may take.", show_default=False)] = None,
    max_rows: Annotated[int, typer.Option(help="Rows to look at, from the first.", min=1)] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the findings as a page, too.", show_default=False)] = None,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Find out what a rubric pays for before anything is trained on it; no model is needed.

    Right, wrong and dishonest responses are made of the rows' own references, in the form that the rubric asks for, and scored as TRL would.

    Exit status: 0 no finding at or above --fail-on, 1 there are some, 2 the audit could not be made.
    """
    with user_errors(verbose):
        if html is not None and not html.absolute().parent.is_dir():
            raise NotADirectoryError(2, "No such directory", str(html.parent))
        with contextlib.redirect_stdout(sys.stderr):  # a user's function may print; standard output is ours
            loaded = load_target_or_folders(rubric, metrics_folders, weights, not no_code)
        report = _report(loaded, data, responses, model, samples, prompts, max_tokens, fail_on, step_budget, max_rows, tokenizer, not no_code)
        if html is not None:
            _write_page(report, rubric or ", ".join(metrics_folders or ()), html)
        if as_json:
            from rl_rewards.tables.strict_json import strict_json

            print(json.dumps(json.loads(strict_json(report.as_dict())), indent=2, ensure_ascii=False))
        else:
            _print(report)
    if fail_on != "never" and report.at_least(fail_on):
        raise typer.Exit(INCOMPLETE)


def _report(
    rubric: Rubric, data: str, responses: Path | None, model: str | None, samples: int, prompts: int, max_tokens: int, fail_on: str, budget: float | None,
    max_rows: int, tokenizer: str | None, code: bool,
) -> AuditReport:  # fmt: skip
    from rl_rewards import loading
    from rl_rewards.auditing import AuditError, audit
    from rl_rewards.tables.datasets import dataset_rows
    from rl_rewards.tables.tokenizing import tokenize_with

    if fail_on not in _LEVELS:
        raise AuditError(f"--fail-on must be one of {', '.join(_LEVELS)}, got {fail_on!r}")
    if responses is not None and model is not None:
        raise AuditError("give either --responses or --model, not both")
    with contextlib.redirect_stdout(sys.stderr):  # a user's function may print; standard output is ours
        with loading.no_code() if not code else contextlib.nullcontext():
            rows = _rows(dataset_rows(data), data, max_rows)
            said: Iterable[Mapping[str, Any]] | None = None
            if responses is not None:
                said = _rows(dataset_rows(str(responses)), str(responses), None)
            if model is not None:
                said = _sampled(model, rows[:prompts], samples, max_tokens)
        return audit(rubric, rows, said, code=code, most_rows=max_rows, step_budget=budget, tokenize=tokenize_with(tokenizer))


def _write_page(report: AuditReport, name: str, path: Path) -> None:
    from rl_rewards.reporting.audit_page import audit_html
    from rl_rewards.tables.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(audit_html(report, name), encoding="utf-8")
    say(f"page: {path}")


def _sampled(model: str, rows: list[dict[str, Any]], samples: int, max_tokens: int) -> list[dict[str, Any]]:
    from rl_rewards.auditing.policy import responses_of

    return responses_of(model, rows, samples, max_tokens)


def _rows(read: Any, name: str, limit: int | None) -> list[dict[str, Any]]:
    """The rows of a file, those with problems reported and left out."""
    from rl_rewards.cli.reports import BadRows

    bad, rows = BadRows(name), []
    for row in read:
        if row.values is None:
            bad(row)
        else:
            rows.append(row.values)
        if limit is not None and len(rows) >= limit:
            break
    return rows


def _print(report: AuditReport) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if report.findings:
        table = Table(show_lines=True)
        table.add_column("finding", overflow="fold", max_width=24)
        table.add_column("evidence and remedy", overflow="fold")
        for finding in report.findings:
            heading = "\n".join(part for part in (finding.severity.value, finding.kind, finding.reward) if part)
            table.add_row(Text(heading), Text(f"{_evidence(finding)}\nremedy: {finding.remedy}"))
        console.print(table)
    facts = report.facts
    counts = ", ".join(_counted(len([finding for finding in report.findings if finding.severity.value == level]), level) for level in _LEVELS[:3])
    say(f"{facts.get('rows', 0)} rows: {counts}")
    if "form" in facts:
        say(f"honest form: {facts['form']!r}")
    for name, numbers in (facts.get("separation") or {}).items() if isinstance(facts.get("separation"), dict) else ():
        say(
            f"{name}: right {numbers['right']:.3g}, wrong {numbers['wrong']:.3g}, AUC {numbers['auc']:.3f} [{numbers['low']:.3f}, {numbers['high']:.3f}]"
        )
    if isinstance(speed := facts.get("speed"), dict):
        say(
            f"{speed['seconds_per_1000']:.3g} s for 1,000 completions (p95 {speed['p95']:.3g} s), {speed['completions']} scored, peak memory {speed['peak_mib']:.0f} MiB"
        )
    if isinstance(infra := facts.get("infra"), dict):
        say(
            f"if {infra['rate']:.0%} of the rows failed on our side, {infra['groups_touched']:.1%} of the groups of 8 would lose a row (with on_error: skip)"
        )
    for line in (facts.get("signal") or {}).get("lines", ()):
        say(line)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _evidence(finding: Finding) -> str:
    parts = [finding.evidence]
    if finding.place:
        parts.insert(0, finding.place)
    if finding.rows is not None and finding.of is not None:
        parts[-1] += f" ({finding.rows} of {finding.of} rows)"
    if finding.response is not None:
        shown = repr(finding.response)
        parts.append(f"response: {shown if len(shown) <= _SHOWN_RESPONSE else shown[:_SHOWN_RESPONSE] + '...'}")
    return "\n".join(parts)
