"""Rows of one group, gathered from wherever they are in the data: for rewards that compare the completions of a group.

Three passes, each by blocks, in whichever processes: rows are distributed to parts by their group (`Distributing`), each part is scored by the
rewards that need groups (`GroupScoring`), and the data is scored in its order with what these came to (`Gathered`). A part holds whole groups
and fits in memory. A row is known by its block and its place among the rows of the block that are samples.

    PLACE/rows/00012         the rows of block 12, by part
    PLACE/results/00003      what the rewards came to in part 3, by block; whole or not there
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.scale.commits import Commits
from rl_rewards.scale.engines import Engine
from rl_rewards.scale.gathered import ByRow, Gathered, results_file, rows_file, segment_of, write_segments
from rl_rewards.scale.scoring import Scoring
from rl_rewards.scale.splitting import Split
from rl_rewards.tables.batches import RowBatch, batches
from rl_rewards.tables.blocks import Block, Source
from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import Row, TableError
from rl_rewards.types import EvaluateResult
from rl_rewards.user_errors import UserError

__all__ = ["Distributing", "Gathering", "GroupError", "GroupPart", "GroupScoring"]

PART_ROWS = 32_768
"""Rows of a part, more or less: groups fall into parts by their hash."""
PART_BYTES = 64 << 20


class GroupError(UserError, ValueError):
    """Groups that cannot be gathered."""


@dataclass(frozen=True, slots=True)
class GroupPart(Block):
    """A part of the groups, for engines, which work on blocks."""

    @classmethod
    def of(cls, index: int) -> GroupPart:
        return cls(index, 0, 0, 0, 0)

    def __str__(self) -> str:
        return f"part {self.index} of the groups"


@dataclass
class Distributing:
    """Distributes the rows of a block to parts. A picklable value."""

    source: Source
    key: GroupKey
    parts: int
    place: str

    def __call__(self, block: Block, advance: Callable[[int], None] = lambda size: None) -> None:
        segments: list[list[tuple[int, bytes, Row]]] = [[] for _ in range(self.parts)]
        texts = ((row, text) for row in self.source.rows(block) if (text := self.key.of(row)) is not None)
        for position, (row, text) in enumerate(texts):
            digest = self.key.digest(text)
            segments[int.from_bytes(digest[:8], "little") % self.parts].append((position, digest, row))
        try:
            write_segments(rows_file(self.place, block.index), segments)
        except (pickle.PicklingError, TypeError, AttributeError) as error:  # of module:function, which may return anything
            raise TableError(f"{self.source.name}: rows of a group that are not neighbours must hold values that can be pickled: {error}") from None


@dataclass
class GroupScoring:
    """Scores a part by the rewards that need groups, and keeps what they came to. A picklable value.

    Attributes:
        scoring: the rubric, and how rows become samples.
        key: what tells groups apart.
        names: the rewards.
        blocks: how many blocks the data has.
        place: where rows and results are.
        commits: of the run's directory, which count attempts; None for none.
    """

    scoring: Scoring
    key: GroupKey
    names: tuple[str, ...]
    blocks: int
    place: str
    commits: Commits | None = None

    @property
    def source(self) -> Source:
        return self.scoring.source

    def is_done(self, block: Block) -> bool:
        return results_file(self.place, block.index).exists()

    def begin(self, block: Block, stage: str) -> None:
        if self.commits is not None:
            self.commits.begin(block, f"groups.{stage}")

    def end(self, block: Block, stage: str) -> None:
        if self.commits is not None:
            self.commits.end(block, f"groups.{stage}")

    def part(self, block: Block, names: Sequence[str]) -> list[dict[str, list[EvaluateResult | None]]]:
        """What some of the rewards came to, by batch."""
        rubric = self.scoring.rubric.load()
        return [rubric.score_rows(batch.samples, names) for batch, _ in self._batches(block)]

    def __call__(self, block: Block, scored: Any = (), advance: Callable[[int], None] = lambda size: None) -> None:
        """Score a part.

        Args:
            scored: what `part` came to for some of the rewards, in other processes.
        """
        if self.is_done(block):
            return
        rubric = self.scoring.rubric.load()
        segments: list[list[tuple[int, ByRow]]] = [[] for _ in range(self.blocks)]
        known = list(scored)
        for number, (batch, places) in enumerate(self._batches(block)):
            found = {name: results for part in known for name, results in part[number].items()}
            found |= rubric.score_rows(batch.samples, [name for name in self.names if name not in found])
            for row, (index, position) in enumerate(places):
                segments[index].append((position, {name: results[row] for name, results in found.items()}))
        write_segments(results_file(self.place, block.index), segments)

    def _batches(self, part: Block) -> Iterator[tuple[RowBatch, list[tuple[int, int]]]]:
        """Whole groups in the order in which they begin in the data, and for each row its block and its position there."""
        groups: dict[bytes, list[tuple[int, int, Row]]] = {}
        for index in range(self.blocks):
            for position, digest, row in pickle.loads(segment_of(rows_file(self.place, index), part.index)):
                groups.setdefault(digest, []).append((index, position, row))
        rows = [row for group in groups.values() for row in group]
        places = iter([(index, position) for index, position, _ in rows])
        tokenize = self.scoring.tokenize
        for batch in batches((row for _, _, row in rows), lambda row: None, True, tokenize, self.key):
            yield batch, [next(places) for _ in batch.rows]


@dataclass
class Gathering:
    """Gathers groups and scores them.

    Attributes:
        source: the data.
        engine: where parts are scored.
        key: what tells groups apart.
        place: where rows and results are kept.
        blocks: the data's blocks.
        rows: how many rows the data has that are samples.
        split: the rubric's rewards.

    Raises:
        GroupError: when a reward compares groups and cannot be asked before the others, or not in another order.
    """

    source: Source
    engine: Engine
    key: GroupKey
    place: Path
    blocks: list[Block]
    rows: int
    split: Split

    def __post_init__(self) -> None:
        apart = {*self.split.rules, *self.split.models, *self.split.servers}
        for name in self.split.grouped:
            if name not in apart or name in self.split.ordered:
                why = "depends on the rows that came before" if name in self.split.ordered else "is computed from other rewards"
                raise GroupError(
                    f"{self.source.name}: rows of one group must be next to each other for reward {name!r}, which compares them and {why}; "
                    "sort the rows by group"
                )

    def gather(self, scoring: Scoring, commits: Commits | None = None) -> Gathered:
        """Score the groups by the rewards that need them, as far as that is not done.

        Args:
            scoring: the rubric, and how rows become samples.
            commits: of the run's directory; None for a file.
        """
        parts = max(1, -(-self.rows // PART_ROWS), -(-self.source.size // PART_BYTES))
        scores = GroupScoring(scoring, self.key, self.split.grouped, len(self.blocks), os.fspath(self.place), commits)
        pending = [part for part in map(GroupPart.of, range(parts)) if not scores.is_done(part)]
        if pending:
            for work, blocks in ((Distributing(self.source, self.key, parts, os.fspath(self.place)), self.blocks), (scores, pending)):
                for _ in self.engine.map(work, blocks, lambda size: None):
                    pass
        shutil.rmtree(self.place / "rows", ignore_errors=True)
        return Gathered(os.fspath(self.place), parts, self.split.grouped)
