"""What several verbs report: rows with problems, and rewards that failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rl_rewards.cli.user_errors import say

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
        self.count += 1
        if self.count <= _PRINTED:
            say(f"{self._path}:{row.number}: {row.problem}")
        elif self.count == _PRINTED + 1:
            say(f"{self._path}: further rows with problems are only counted")


class Failures:
    """How often each reward itself failed, with the first error of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def count(self, result: Evaluation) -> None:
        for name, column in result.columns.items():
            failed = [each for each in column.results if each.failed]
            if failed:
                self._counts[name] += len(failed)
                self._first.setdefault(name, f"outcome {failed[0].outcome.value}, {failed[0].error}")

    def __bool__(self) -> bool:
        return bool(self._counts)

    def tell(self, total: int) -> None:
        for name, count in self._counts.items():
            say(f"reward {name!r} failed on {count} of {total} rows; the first: {self._first[name]}")
