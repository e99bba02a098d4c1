"""What `rl-rewards evaluate` shows: a table, and the same numbers as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_rewards.cli.reports import Totals
from rl_rewards.cli.user_errors import say
from rl_rewards.evaluation.summary import EvaluationSummary

if TYPE_CHECKING:
    from rl_rewards.generation.collecting import Collected
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.rubric import Rubric


class EvaluationReport:
    """The numbers of an evaluation, gathered batch by batch."""

    def __init__(self, rubric: Rubric) -> None:
        self._totals, self._summary, self._score = Totals(), EvaluationSummary(rubric), _TotalScore()

    @property
    def incomplete(self) -> bool:
        """Whether a reward failed on some row, or a number lacks all of its rows."""
        return self._totals.failed or any(result.incomplete for result in self._summary.results())

    def count(self, evaluation: Evaluation) -> None:
        """Add a batch."""
        self._totals.count(evaluation)
        self._summary.add(evaluation)
        self._score.add(evaluation)

    def show(self, head: Mapping[str, Any], prompts: int, collected: Collected, json_file: Path | None) -> None:
        """Print the table, and write the numbers where they are wanted."""
        from rich.console import Console

        from rl_rewards.cli.summary_table import summary_notes, summary_table

        self._totals.report_failures()
        completions = sum(collected.reasons.values())
        table, score = summary_table(self._summary), self._score.numbers()
        ends = "-" if score["low"] is None else f"{score['low']:.4f} to {score['high']:.4f}"
        table.title, table.title_justify = f"{completions} completions to {prompts} prompts", "left"
        table.add_row(
            "score (weighted total)", "-" if score["mean"] is None else f"{score['mean']:.4f}", ends, f"{score['rows']:,} rows", "up", style="bold"
        )
        Console().print(table)
        for note in summary_notes(self._summary):
            say(note)
        if cut := collected.reasons.get("length", 0):
            say(f"{cut:,} of {completions:,} completions were cut off at --max-tokens")
        if json_file is not None:
            counts = {"prompts": prompts, "completions": completions, "failed_completions": collected.failed, "finish_reasons": collected.reasons}
            _write_json(json_file, {**head, **counts, "score": score, **self._summary.to_dict()})
            say(f"numbers: {json_file}")


class _TotalScore:
    """The mean of the weighted totals, with an interval clustered by prompt."""

    def __init__(self) -> None:
        self._sums: dict[int, list[float]] = {}

    def add(self, evaluation: Evaluation) -> None:
        from rl_rewards.aggregates.problems import problem_keys

        for key, total in zip(problem_keys(evaluation.samples).tolist(), evaluation.totals(), strict=True):
            if total is not None:
                of = self._sums.setdefault(key, [0.0, 0.0])
                of[0] += total
                of[1] += 1

    def numbers(self) -> dict[str, Any]:
        import numpy as np

        from rl_rewards.aggregates.intervals import ratio_interval

        sums = np.array(list(self._sums.values()), float).reshape(-1, 2)
        mean, low, high = ratio_interval(sums[:, 0], sums[:, 1])
        return {"mean": mean, "low": low, "high": high, "rows": int(sums[:, 1].sum())}


def _write_json(path: Path, numbers: Mapping[str, Any]) -> None:
    from rl_rewards.tables.atomic import atomic_path
    from rl_rewards.tables.strict_json import strict_json

    with atomic_path(path) as temporary:
        temporary.write_text(strict_json(numbers, indent=2) + "\n", encoding="utf-8")
