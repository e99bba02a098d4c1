"""A data set scored, block by block, into a file or a directory, by whichever engine: the same bytes from each."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rl_rewards import __version__
from rl_rewards.evaluation.summary import aggregates_of
from rl_rewards.recording.provenance import rubric_text
from rl_rewards.rubric import Rubric
from rl_rewards.scale.committing import Committing
from rl_rewards.scale.directory import RunDirectory
from rl_rewards.scale.engines import Advance, Engine
from rl_rewards.scale.gathering import Gathering
from rl_rewards.scale.grouping import Finding, Groups, groups_of
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.scale.scoring import BlockResult, Learning, Scoring
from rl_rewards.scale.splitting import split_of
from rl_rewards.tables.atomic import scratch_directory
from rl_rewards.tables.blocks import Block, BlockSize, Source
from rl_rewards.tables.group_key import BY_PROMPT, GroupKey
from rl_rewards.tables.writers import LinesFile, TableFile, scored_schema, widest

__all__ = ["DIRECTORY_ROWS", "FILE_ROWS", "Run"]

FILE_ROWS = 1024
"""Rows of a block whose rows travel to one file: a batch."""
DIRECTORY_ROWS = 8192
"""Rows of a block that is a part of a directory."""


@dataclass
class Run:
    """A data set, what scores it, and where.

    Attributes:
        reference, rubric: the rubric.
        source: the data.
        engine: where blocks are scored.
        block_rows: rows of a block; None for FILE_ROWS or DIRECTORY_ROWS, and for those of a directory that goes on.
        tokenizer: the name of the one that counts tokens for rows without a column `completion_ids`.
        numbers: whether the rubric's aggregates are counted.
        key: what tells groups apart.
        groups: what was found of the groups, once rows are scored; None where no reward compares the completions of a group.
    """

    reference: RubricReference
    rubric: Rubric
    source: Source
    engine: Engine
    block_rows: int | None = None
    tokenizer: str | None = None
    numbers: bool = False
    key: GroupKey = BY_PROMPT
    groups: Groups | None = field(default=None, init=False)

    def to_file(self, path: Path | None, form: Any, mixed: str | None, advance: Advance) -> Iterator[BlockResult]:
        """Score all rows, in order.

        Args:
            path: the file that is written, to the end when the iterator has ended; None for none.
            form: how it is written, as `Scoring` has it.
            mixed: the reward of a filter that is counted, as `Scoring` has it.

        Yields:
            The result of every block, in order, without its rows.
        """
        schema = self._schema() if form == "table" else None
        self.groups = self._found_groups(FILE_ROWS)
        with contextlib.ExitStack() as stack:
            scoring = self._scoring(form, schema, mixed)
            if self._scattered:
                place = stack.enter_context(scratch_directory(path))
                scoring.gathered = self._gathering(place, FILE_ROWS).gather(scoring)
            file = None if path is None else TableFile(path, schema) if form == "table" else LinesFile(path)
            if file is not None:
                stack.enter_context(contextlib.closing(file))
            for result in self.engine.map(scoring, self._blocks(FILE_ROWS), advance):
                if file is not None:
                    file.append(result.payload or b"")
                    result.payload = None
                yield result

    def to_directory(self, path: Path, advance: Advance) -> Iterator[BlockResult]:
        """Score all rows that are not done, a part for each block.

        Yields:
            The result of every block, in order, once all are done.

        Raises:
            OSError, DirectoryError: when the directory cannot be written to, or holds something else.
        """
        directory = RunDirectory(path)
        before = directory.run
        if self.block_rows is None and before is not None:
            self.block_rows = before.get("block_rows")
        made_of = self._made_of()
        with directory.open(made_of | {"schema": None}):
            scoring = self._scoring("table", self._known(directory, made_of), None)
            pending = (block for block in self._blocks(DIRECTORY_ROWS) if not _passed(directory.commits.is_done(block), block, advance))
            there = RunDirectory(os.path.abspath(path))  # other processes may be in other places
            if self._scattered and (pending := list(pending)):
                scoring.gathered = self._gathering(there.gathered, DIRECTORY_ROWS).gather(scoring, there.commits)
            for _ in self.engine.map(Committing(scoring, there.commits), pending, advance):
                pass
            modules = {type(each).__module__ for each in aggregates_of(self.rubric)}
            parts, rows = [], 0
            for block in self._blocks(DIRECTORY_ROWS):
                result = directory.commits.result(block, modules.__contains__)
                rows += result.rows
                if result.rows:
                    parts.append(block.index)
                yield result
            directory.finish(parts, rows)

    def _scoring(self, form: Any, schema: Any, mixed: str | None) -> Scoring:
        return Scoring(self.reference, self.source, form, schema, self.tokenizer, self.numbers, mixed, self.key)

    @property
    def _scattered(self) -> bool:
        """Whether rows of one group must be gathered from several places."""
        return self.groups is not None and self.groups.scattered > 0

    def _blocks(self, rows: int) -> Iterator[Block]:
        whole = self.groups is not None and not self._scattered
        return self.source.blocks(BlockSize(self.block_rows or rows), self.key if whole else None)

    def _found_groups(self, rows: int) -> Groups | None:
        """The groups of the data; None where no reward compares their completions."""
        if not split_of(self.rubric).grouped:
            return None
        blocks = self.source.blocks(BlockSize(self.block_rows or rows))
        return groups_of(self.engine.map(Finding(self.source, self.key), blocks, lambda size: None), self.key)

    def _gathering(self, place: Path, rows: int) -> Gathering:
        assert self.groups is not None
        return Gathering(self.source, self.engine, self.key, place, list(self._blocks(rows)), self.groups.rows, split_of(self.rubric))

    def _schema(self) -> Any:
        """The columns of scored rows: as Parquet declares the data's, else learnt from all rows."""
        import pyarrow.parquet as pq

        names = [reward.name for reward in self.rubric]
        if self.source.parquet is not None:
            return scored_schema(pq.read_schema(self.source.parquet), names)
        blocks = self.source.blocks(BlockSize(DIRECTORY_ROWS))
        learnt = dict(self.engine.map(Learning(self.source), blocks, lambda size: None))
        return scored_schema(widest((learnt[index] for index in sorted(learnt)), self.source.name), names)

    def _known(self, directory: RunDirectory, made_of: dict[str, Any]) -> Any:
        """The columns of scored rows; they and the groups are found out once for a directory."""
        import pyarrow as pa

        held = directory.run or {}
        if held.get("schema") is not None:
            self.groups = None if held.get("groups") is None else Groups(**held["groups"])
            return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(held["schema"])))
        schema = self._schema()
        self.groups = self._found_groups(DIRECTORY_ROWS)
        directory.keep(
            made_of
            | {
                "schema": base64.b64encode(schema.serialize().to_pybytes()).decode(),
                "rubric_text": rubric_text(self.rubric, Path(self.reference.place)),
                "groups": None if self.groups is None else self.groups.to_dict(),
            }
        )
        return schema

    def _made_of(self) -> dict[str, Any]:
        """What has to be the same for a directory to go on."""
        return {
            "data": self.source.digest(),
            "rubric": self.reference.digest,
            "rewards": {reward.name: reward.weight for reward in self.rubric},
            "block_rows": self.block_rows or DIRECTORY_ROWS,
            "tokenizer": self.tokenizer,
            "group_by": list(self.key.columns),
            "rl_rewards": __version__,
        }


def _passed(done: bool, block: Block, advance: Advance) -> bool:
    if done:
        advance(block.size)
    return done
