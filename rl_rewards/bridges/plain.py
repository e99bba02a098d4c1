"""Any caller that passes rows to a function: open-instruct, slime, miles, AReaL, a loop of one's own.

from rl_rewards.bridges.plain import row_scorer

score = row_scorer("rubric.yaml")
total, numbers = score(prompt, response, {"answer": label})
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.scored_row import ScoredRow
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.bridges.unscorable import POLICIES
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample, response_of

__all__ = ["GROUP", "ROW", "GroupScorer", "RowScorer", "group_scorer", "row_scorer"]

Numbers = dict[str, float]

ROW = Caller("a function of one row", instead="use group_scorer, which is given all completions to a prompt")
GROUP = Caller("a function of a group", POLICIES, groups=True, token_ids=True)


def row_scorer(rubric: Rubric | str | os.PathLike[str]) -> RowScorer:
    """A rubric as a function of one row. Picklable: a worker process loads what rewards load for itself."""
    return RowScorer(RubricScoring(rubric, ROW))


def group_scorer(rubric: Rubric | str | os.PathLike[str], unscorable: str = "raise") -> GroupScorer:
    """A rubric as a function of all completions to one prompt, which rewards may compare. Picklable."""
    return GroupScorer(RubricScoring(rubric, GROUP, unscorable))


class RowScorer:
    """`score(prompt, completion, columns) -> (total, numbers to log)`; `await score.aio(...)` in an event loop."""

    def __init__(self, scoring: RubricScoring) -> None:
        self.scoring = scoring

    def __call__(self, prompt: Any, completion: Any, columns: Mapping[str, Any] | None = None) -> tuple[float, Numbers]:
        """Score one completion.

        Args:
            prompt, completion: text, or messages.
            columns: the row's columns.

        Raises:
            RewardError: when it has no score.
        """
        return _numbers(self.scoring.score([self._sample(prompt, completion, columns)]))

    def _sample(self, prompt: Any, completion: Any, columns: Mapping[str, Any] | None) -> Sample:
        return Sample(prompt, completion, response_of(completion), dict(columns or {}))

    async def aio(self, prompt: Any, completion: Any, columns: Mapping[str, Any] | None = None) -> tuple[float, Numbers]:
        """The same for an event loop, which goes on meanwhile."""
        return _numbers(await self.scoring.score_aio([self._sample(prompt, completion, columns)]))


def _numbers(rows: Sequence[ScoredRow]) -> tuple[float, Numbers]:
    (row,) = rows
    assert row.total is not None  # else score has raised
    return row.total, row.present()


class GroupScorer:
    """`score(prompt, completions, columns) -> N (total, numbers to log)`; `await score.aio(...)` in an event loop."""

    def __init__(self, scoring: RubricScoring) -> None:
        self.scoring = scoring

    def __call__(
        self,
        prompt: Any,
        completions: Sequence[Any],
        columns: Mapping[str, Any] | None = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
    ) -> list[tuple[float, Numbers]]:
        """Score the N completions to a prompt.

        Args:
            prompt, completions: texts, or messages.
            columns: the prompt's columns, the same for all.
            completion_ids: N lists of the policy's token ids.

        Raises:
            RewardError: when one has no score, with `unscorable` raise; when none has had one yet, with another.
        """
        given = [None] * len(completions) if completion_ids is None else completion_ids
        samples = [
            Sample(prompt, completion, response_of(completion), dict(columns or {}), ids, group=0, index=i)
            for i, (completion, ids) in enumerate(zip(completions, given, strict=True))
        ]
        rows = self.scoring.score(samples)
        totals = self.scoring.totals(rows, [0] * len(rows))
        return [(total, row.present()) for total, row in zip(totals, rows, strict=True)]

    async def aio(
        self,
        prompt: Any,
        completions: Sequence[Any],
        columns: Mapping[str, Any] | None = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
    ) -> list[tuple[float, Numbers]]:
        """The same in a thread."""
        return await asyncio.to_thread(self, prompt, completions, columns, completion_ids)
