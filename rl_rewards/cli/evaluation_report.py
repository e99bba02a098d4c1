"""What `rl-rewards evaluate` shows: a table, and the same numbers as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_rewards.cli.reports import Totals
from rl_rewards.cli.user_errors import say
from rl_rewards.evaluation.aggregates import Tally

if TYPE_CHECKING:
    from rl_rewards.generation.collecting import Collected
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.rubric import Rubric

TOTAL = "score"
"""The weighted total, as the column of scored rows is called."""


class EvaluationReport:
    """The numbers of an evaluation, gathered batch by batch."""

    def __init__(self, rubric: Rubric) -> None:
        self._totals, self._total = Totals(), Tally()
        self._names = [reward.name for reward in rubric]

    @property
    def failed(self) -> bool:
        """Whether a reward itself failed on some row."""
        return self._totals.failed

    def count(self, evaluation: Evaluation) -> None:
        """Add a batch."""
        self._totals.count(evaluation)
        totals = evaluation.totals()
        self._total.rows += len(totals)
        self._total.add(totals)

    def show(self, head: Mapping[str, Any], prompts: int, collected: Collected, json_file: Path | None) -> None:
        """Print the table, and write the numbers where they are wanted."""
        self._totals.report_failures()
        rewards = {TOTAL: self._total, **self._totals.tallies}
        print_table(prompts, rewards)
        if json_file is not None:
            write_json(
                json_file, {**head, "prompts": prompts, **_collected(collected), "rewards": {name: _numbers(t) for name, t in rewards.items()}}
            )
            say(f"numbers: {json_file}")


def print_table(prompts: int, rewards: Mapping[str, Tally]) -> None:
    """A row for each reward: mean, number of scores, and every rate that is not 0."""
    from rich.console import Console
    from rich.table import Table

    from rl_rewards.cli.printable import printable

    table = Table(title=f"{rewards[TOTAL].rows} completions to {prompts} prompts", title_justify="left")
    for heading in ("reward", "mean", "scores", "of the rows"):
        table.add_column(heading, justify="right" if heading in ("mean", "scores") else "left")
    for name, tally in rewards.items():
        rates = ", ".join(f"{rate.removesuffix('_rate').replace('_', ' ')} {value:.1%}" for rate, value in tally.rates().items() if value)
        table.add_row(printable(name), f"{tally.mean:.4g}" if tally.count else "-", str(tally.count), rates)
    Console().print(table)


def write_json(path: Path, numbers: Mapping[str, Any]) -> None:
    """The numbers as a JSON file."""
    from rl_rewards.tables.atomic import atomic_path
    from rl_rewards.tables.strict_json import strict_json

    with atomic_path(path) as temporary:
        temporary.write_text(strict_json(numbers, indent=2) + "\n", encoding="utf-8")


def _collected(collected: Collected) -> dict[str, Any]:
    return {"completions": sum(collected.reasons.values()), "failed_completions": collected.failed, "finish_reasons": collected.reasons}


def _numbers(tally: Tally) -> dict[str, Any]:
    return {"mean": tally.mean if tally.count else None, "std": tally.std, "scores": tally.count, "rows": tally.rows, **tally.rates()}
