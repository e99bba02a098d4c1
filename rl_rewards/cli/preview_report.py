"""What `rl-rewards preview` prints: tables or JSON of evaluations, and a service's own answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rl_rewards.cli.printable import printable
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.tables.readers import Row

if TYPE_CHECKING:
    from rl_rewards.deploying.previewing import RemotePreview
    from rl_rewards.pipeline.columns import RewardColumn
    from rl_rewards.types import Sample


@dataclass
class Shown:
    """A batch that is shown: its rows, its evaluation, and for each reward the seconds of each sample, where they were measured."""

    rows: list[Row]
    result: Evaluation
    seconds: dict[str, list[float | None]] | None = None


def print_json(shown: list[Shown]) -> None:
    """The samples as JSON, with every reward's result."""
    from rl_rewards.tables.scored import components
    from rl_rewards.tables.strict_json import strict_json

    records = []
    for batch in shown:
        result = batch.result
        for i, (row, total) in enumerate(zip(batch.rows, result.totals(), strict=True)):
            sample = result.samples[i]
            rewards = {
                name: {
                    "parsed": column.answers[i],
                    "score": column.scores[i],
                    "outcome": column.results[i].outcome.value,
                    "reason": _reason(column, i),
                    "components": components(column.results[i]),
                    **({} if column.gate_open is None else {"gate_open": column.gate_open[i]}),
                    **({} if batch.seconds is None else {"seconds": batch.seconds[name][i]}),
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
    records.sort(key=lambda record: record["number"])  # groups may have been gathered
    print(strict_json({"samples": records}, ascii_only=True, indent=2))  # a response may hold what a terminal cannot print


def print_tables(shown: list[Shown]) -> None:
    """A table for each sample, with a row for each reward."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_rewards.parsers.identity import Identity
    from rl_rewards.tables.scored import components

    console = Console()
    for batch in shown:
        result = batch.result
        for i, (row, total) in enumerate(zip(batch.rows, result.totals(), strict=True)):
            sample = result.samples[i]
            console.print(Text(f"\n{row.number}. {_shown(sample.response, 300)}"))
            console.print(Text(f"   prompt: {_shown(_last_words(sample), 300)}", style="dim"))
            for name in _columns_read(result):
                console.print(Text(f"   {name}: {_shown(sample.references.get(name), 200)}", style="dim"))
            table = Table(caption=f"total {_number(total)}{_skipped(result, i)}", caption_justify="left")
            further = ("parsed",) if batch.seconds is None else ("seconds",)  # a metric folder scores the response as it is
            for heading in ("reward", "weight", "score", "outcome", *further, "reason"):
                table.add_column(heading, overflow="fold", min_width=_name_width(result, i) if heading == "reward" else None)
            for name, column in result.columns.items():
                one, whole = column.results[i], isinstance(column.reward.parse, Identity) and not column.reward.score.traits.rewards
                if one.outcome == "skipped" and column.reward.when and not column.reward.selects(sample):
                    continue
                parsed = "the response" if whole else "-" if column.answers[i] is None else _shown(column.answers[i], 200)
                reason = _shown(_reason(column, i) or "", 400)
                further = parsed if batch.seconds is None else _seconds(batch.seconds[name][i])
                cells = (name, f"{column.reward.weight:g}", _number(column.scores[i]), one.outcome.value, further, reason)
                table.add_row(*map(Text, cells))
                for part in components(one):
                    cells = (f"  {_shown(part['name'], 80)}", "", _number(part["score"]), "", "", _shown(part["reason"] or "", 200))
                    table.add_row(*(Text(cell, style="dim") for cell in cells))
            console.print(table)


def print_totals(shown: list[Shown]) -> None:
    """For each reward, over all samples: its mean score, how many were scored and how many failed, and its seconds."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="all samples", title_justify="left")
    for heading in ("reward", "samples", "mean", "scored", "failed", "seconds"):
        table.add_column(heading)
    names = list(shown[0].result.columns)
    for name in names:
        columns = [batch.result.columns[name] for batch in shown]
        scores = [score for column in columns for score in column.scores if score is not None]
        taken = [seconds for batch in shown for seconds in (batch.seconds or {}).get(name, ()) if seconds is not None]
        number = sum(len(column.scores) for column in columns)
        failed = sum(len(column.failed) for column in columns)
        mean = _number(sum(scores) / len(scores)) if scores else "-"
        table.add_row(*map(Text, (name, str(number), mean, str(len(scores)), str(failed), _seconds(sum(taken)) if taken else "-")))
    totals = [total for batch in shown for total in batch.result.totals()]
    known = [total for total in totals if total is not None]
    if len(names) > 1:
        mean = _number(sum(known) / len(known)) if known else "-"
        table.add_row(*map(Text, ("total", str(len(totals)), mean, str(len(known)), str(len(totals) - len(known)), "")))
    Console().print(table)


def print_remote(answer: RemotePreview, as_json: bool) -> None:
    """A service's answer, as it gave it."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_rewards.tables.strict_json import strict_json

    if as_json:
        print(strict_json(asdict(answer), ascii_only=True, indent=2))
        return
    table = Table(title="the service's answer", title_justify="left")
    for heading in ("sample", "success", "score", "metrics", "reason"):
        table.add_column(heading, overflow="fold")
    for result in answer.results:
        metrics = "\n".join(f"{printable(name)}: {_shown(value, 200)}" for name, value in result.metrics.items())
        cells = (str(result.index + 1), "yes" if result.success else "no", _number(result.score), metrics, _shown(result.reason or "", 200))
        table.add_row(*map(Text, cells))
    Console().print(table)
    runtime = "" if answer.total_runtime_ms is None else f", {answer.total_runtime_ms} ms"
    Console().print(f"{len(answer.results)} of {answer.sent} samples answered{runtime}")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if value < 1 else f"{value:.2f}"


def _name_width(result: Evaluation, i: int) -> int:
    """The width that a sample's names of rewards and components need, up to a third of a terminal."""
    names = [*result.columns, *(f"  {part}" for column in result.columns.values() for part in column.results[i].metrics)]
    return min(26, max(map(len, names)))


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
