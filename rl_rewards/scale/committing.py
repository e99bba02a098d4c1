"""The work on a block of a run with `--out DIR`: to score it and commit its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.scale.commits import Commits
from rl_rewards.scale.scoring import BlockResult, Scored, Scoring
from rl_rewards.tables.blocks import Block, Source

__all__ = ["Committing"]


@dataclass
class Committing:
    """Scores a block and commits it, unless that is done: by an attempt that was lost after its commit."""

    scoring: Scoring
    commits: Commits

    @property
    def names(self) -> tuple[str, ...]:
        """The rewards that are scored by it: all but those that were scored before, by group."""
        before = () if self.scoring.gathered is None else self.scoring.gathered.names
        return tuple(reward.name for reward in self.scoring.rubric.load() if reward.name not in before)

    @property
    def source(self) -> Source:
        return self.scoring.source

    def is_done(self, block: Block) -> bool:
        return self.commits.is_done(block)

    def begin(self, block: Block, stage: str) -> None:
        self.commits.begin(block, stage)

    def end(self, block: Block, stage: str) -> None:
        self.commits.end(block, stage)

    def part(self, block: Block, names: Sequence[str]) -> Scored:
        """What some of the rewards came to, by batch, for a call in another process."""
        return self.scoring.part(block, names)

    def __call__(self, block: Block, scored: Any = (), advance: Callable[[int], None] = lambda size: None) -> BlockResult:
        """A block's result without its rows; of one that was done before, its place alone."""
        if self.is_done(block):
            return BlockResult(block)
        known: list[Scored] = list(scored)
        result = self.scoring(block, known, advance)
        self.commits.commit(result, self.scoring.schema)
        return result
