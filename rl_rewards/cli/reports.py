"""What several verbs report: rows with problems, what became of the others, and rewards that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rl_rewards.cli.user_errors import say
from rl_rewards.evaluation.aggregates import Tally, tally_of

if TYPE_CHECKING:
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.tables.readers import Row

# So many are printed one by one; the rest is counted.
_PRINTED = 20


class BadRows:
    """Rows with problems, printed as they come, with the file and their number in it."""

    def __init__(self, path: object) -> None:
        self._path = path
        self.count = 0

    def __call__(self, row: Row) -> None:
        self.add(1, [(row.number, row.problem or "")])

    def add(self, count: int, problems: Sequence[tuple[int, str]]) -> None:
        """Count rows of which the first have these numbers and problems."""
        room = max(0, _PRINTED - self.count)
        for number, problem in problems[:room]:
            say(f"{self._path}:{number}: {problem}")
        if self.count <= _PRINTED < self.count + count:
            say(f"{self._path}: further rows with problems are only counted")
        self.count += count


class Totals:
    """What became of each reward's rows, over all batches, with the first error of each."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self._first: dict[str, str] = {}

    def add(self, tallies: Mapping[str, Tally], failures: Mapping[str, str]) -> None:
        """Count rows with these tallies, and the first failure of each reward that failed on some."""
        for name, tally in tallies.items():
            self.tallies.setdefault(name, Tally()).merge(tally)
        for name, error in failures.items():
            self._first.setdefault(name, error)

    def count(self, evaluation: Evaluation) -> None:
        for name, column in evaluation.columns.items():
            self.tallies.setdefault(name, Tally()).merge(tally_of(evaluation, name))
            if column.failed:
                result = column.results[column.failed[0]]
                self._first.setdefault(name, f"outcome {result.outcome.value}, {result.error}")

    @property
    def failed(self) -> bool:
        """Whether a reward itself failed on some row."""
        return bool(self._first)

    def report_failures(self) -> None:
        for name, error in self._first.items():
            tally = self.tallies[name]
            say(f"reward {name!r} failed on {tally.failed} of {tally.rows} rows; the first: {error}")

    def report_scores(self) -> None:
        """One line for each reward: its mean, and every rate that is not 0."""
        for name, tally in self.tallies.items():
            rates = [f"{rate.replace('_', ' ')} {value:.1%}" for rate, value in tally.rates().items() if value]
            left_out = [f"{tally.left_out} row{'s' * (tally.left_out != 1)} left out"] if tally.left_out else []
            mean = f"mean {tally.mean:.4g} over {tally.count} row{'s' * (tally.count != 1)}" if tally.count else "no score"
            say(f"{name}: {', '.join([mean, *rates, *left_out])}")
