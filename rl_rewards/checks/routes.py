"""Rows that `when` leads to no reward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rl_rewards.checks.columns import RubricDataError
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.tool_calls import names_tool_call

__all__ = ["RouteCheck", "check_routes"]


def check_routes(rubric: Rubric, rows: Iterable[Mapping[str, Any]]) -> None:
    """Check that every row is handled, as a RouteCheck does.

    Raises:
        RubricDataError: naming the column, the unhandled values with their row counts, and the values that are handled.
    """
    check = RouteCheck(rubric)
    if not check.needed:
        return
    for row in rows:
        check.add(row)
    check.finish()


class RouteCheck:
    """Checks, row by row, that some weighted reward applies, and one that reads a reference where routed ones do.

    A row that only rewards of form would score is most likely a typo in a task name: it would train on format alone. Metrics route no
    row. A rubric with `unhandled: allow` takes such rows as they are.

    Attributes:
        needed: whether rows can be unhandled at all.
    """

    def __init__(self, rubric: Rubric) -> None:
        weighted = [_Whole(reward, rubric) for reward in rubric.rewards if reward.weight != 0]
        self._routed = [whole for whole in weighted if whole.routes]
        self.needed = bool(self._routed) and rubric.unhandled == "error"
        reads = any(whole.reads_columns for whole in self._routed)
        self._handling = [whole for whole in weighted if whole.reads_columns or not reads]
        self._columns = sorted({column for whole in self._routed for when in whole.routes.values() for column in when if not names_tool_call(column)})
        self._unhandled: Counter[tuple[str, ...]] = Counter()

    def add(self, row: Mapping[str, Any]) -> None:
        if self.needed and not any(whole.applies_to(row) for whole in self._handling):
            self._unhandled[tuple(f"{column} = {row.get(column)!r}" for column in self._columns)] += 1

    def finish(self) -> None:
        """Raise where rows were unhandled.

        Raises:
            RubricDataError: naming the column, the unhandled values with their row counts, and the values that are handled.
        """
        if not self._unhandled:
            return
        found = "; ".join(f"{', '.join(values)} ({count} row{'s' * (count != 1)})" for values, count in self._unhandled.most_common(10))
        routes = {name: when for whole in self._routed for name, when in whole.routes.items()}
        raise RubricDataError(
            f"no reward handles {found}: `when` selects {routes}. Add the value to a reward's `when`, take the rows out of the dataset, "
            f"or set `unhandled: allow` in the rubric"
        )


class _Whole:
    """A reward and those that it is computed from, which all have to apply for it to apply."""

    def __init__(self, reward: Reward, rubric: Rubric) -> None:
        self._parts: dict[str, Reward] = {}
        waiting = [reward]
        while waiting:
            part = waiting.pop()
            if part.name not in self._parts:
                self._parts[part.name] = part
                waiting += [rubric[name] for name in part.score.traits.rewards]
        self.routes = {name: part.when for name, part in self._parts.items() if part.when}
        self.reads_columns = any(part.score.traits.columns for part in self._parts.values())

    def applies_to(self, row: Mapping[str, Any]) -> bool:
        return all(part.applies_to(row) for part in self._parts.values())
