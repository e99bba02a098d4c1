"""A block scored: what every engine does with each block, in whichever process."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from rl_rewards.evaluation.aggregates import Tally, tally_of
from rl_rewards.evaluation.difficulty import MixedFilter
from rl_rewards.evaluation.summary import EvaluationSummary
from rl_rewards.formats.bedrock import scored as bedrock_rows
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.scale.gathered import Gathered
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.tables.batches import RowBatch, batches
from rl_rewards.tables.blocks import Block, Source
from rl_rewards.tables.group_key import BY_PROMPT, GroupKey
from rl_rewards.tables.readers import Row
from rl_rewards.tables.scored import ADDED, scored_rows
from rl_rewards.tables.writers import learnt_schema, lines_of, table_bytes
from rl_rewards.types import EvaluateResult
from rl_rewards.types.rows import Tokenize

__all__ = ["PROBLEMS", "BlockResult", "Learning", "Scored", "Scoring"]

PROBLEMS = 20
"""Rows with problems that a block's result quotes; the others are counted."""

Scored = list[dict[str, Sequence[EvaluateResult]]]
"""Of each batch of a block, what some of the rewards came to."""


@dataclass(slots=True)
class BlockResult:
    """What came of a block.

    Attributes:
        block: which one.
        rows: how many were scored.
        bad: how many were left out.
        problems: numbers and problems of the first of these.
        tallies: reward -> what became of its rows.
        failures: reward -> its first failure.
        replaced: columns of the data that scoring replaced.
        numbers: the `state` of an EvaluationSummary of the block; None where none was asked for.
        mixed: the `state` of a MixedFilter of the block; None where none was asked for.
        payload: the scored rows, encoded; None where none are wanted, or they are in a file already.
        seconds: wall time.
    """

    block: Block
    rows: int = 0
    bad: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    numbers: Any = None
    mixed: Any = None
    payload: bytes | None = None
    seconds: float = 0.0


@dataclass
class Scoring:
    """Scores blocks. A picklable value; it loads the rubric once in each process.

    Attributes:
        rubric: the rubric.
        source: the data.
        form: how rows are encoded: as lines of JSON, as a stream of Arrow's with `schema`, as lines in Bedrock's form (of blocks that come in
            order), or not at all.
        schema: the columns of scored rows, of form `table`.
        tokenizer: the name of the one that counts tokens for rows without a column `completion_ids`.
        numbers: whether the rubric's aggregates are counted.
        mixed: the reward by which prompts are found that are neither always right nor always wrong; "" for the default one, None for no filter.
        key: what tells groups apart.
        gathered: what the rewards came to that need groups, where the rows of a group are not neighbours.
    """

    rubric: RubricReference
    source: Source
    form: Literal["lines", "table", "bedrock"] | None = None
    schema: Any = None
    tokenizer: str | None = None
    numbers: bool = False
    mixed: str | None = None
    key: GroupKey = BY_PROMPT
    gathered: Gathered | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("tokenize", "_whole_groups", "_counted")}

    @cached_property
    def tokenize(self) -> Tokenize | None:
        from rl_rewards.tables.tokenizing import tokenize_with

        return tokenize_with(self.tokenizer)

    @cached_property
    def _whole_groups(self) -> bool:
        return self.gathered is None and any(reward.score.traits.needs_groups for reward in self.rubric.load())

    def batches(self, block: Block, report: Callable[[Row], None] = lambda row: None) -> Iterator[RowBatch]:
        """The batches of a block, the same in every process."""
        return batches(self.source.rows(block), report, self._whole_groups, self.tokenize, self.key)

    def part(self, block: Block, names: Collection[str]) -> Scored:
        """Score a block by some of the rewards, for a later call in another process."""
        rubric = self.rubric.load()
        return [rubric.score_rewards(batch.samples, names) for batch in self.batches(block) if batch.samples]

    def __call__(self, block: Block, scored: Sequence[Scored] = (), advance: Callable[[int], None] = lambda size: None) -> BlockResult:
        """Score a block.

        Args:
            scored: what `part` found of it.
            advance: called with the bytes of each batch that is done.
        """
        started = time.perf_counter()
        counts, rubric = _Counts(self, BlockResult(block)), self.rubric.load()
        encoded: list[Any] = []
        found = zip(*scored)
        gathered = None if self.gathered is None else self.gathered.of(block)
        for batch in self.batches(block, counts.problem):
            if batch.samples:
                known = {name: results for part in next(found, ()) for name, results in part.items()}
                if gathered is not None:
                    known |= gathered.take(len(batch.samples))
                evaluation = rubric.evaluate(batch.samples, known)
                counts.add(batch, evaluation)
                encoded.append(self._encoded(batch, evaluation))
            advance(batch.size)
        result = counts.result
        if self.form is not None:
            result.payload = b"".join(encoded) if self.form != "table" else _joined(encoded, self.schema)
        result.seconds = time.perf_counter() - started
        return result

    def _encoded(self, batch: RowBatch, evaluation: Evaluation) -> Any:
        if self.form == "bedrock":
            first = getattr(self, "_counted", 0)
            self._counted = first + len(batch.rows)
            return lines_of(bedrock_rows(batch.values, evaluation, first))
        if self.form is None:
            return b""
        rows = scored_rows(batch.values, evaluation)
        return lines_of(rows) if self.form == "lines" else list(rows)


def _joined(batches: list[list[dict[str, Any]]], schema: Any) -> bytes:
    return table_bytes([row for batch in batches for row in batch], schema)


class _Counts:
    """Counts a block's batches into its result."""

    def __init__(self, scoring: Scoring, result: BlockResult) -> None:
        self.result = result
        rubric = scoring.rubric.load()
        self._summary = EvaluationSummary(rubric) if scoring.numbers else None
        self._mixed = None if scoring.mixed is None else MixedFilter(rubric, scoring.mixed or None)
        if self._summary is not None:
            result.numbers = self._summary.state
        if self._mixed is not None:
            result.mixed = self._mixed.state

    def problem(self, row: Row) -> None:
        self.result.bad += 1
        if len(self.result.problems) < PROBLEMS:
            self.result.problems.append((row.number, row.problem or ""))

    def add(self, batch: RowBatch, evaluation: Evaluation) -> None:
        result = self.result
        result.rows += len(batch.rows)
        result.replaced.update(name for values in batch.values for name in ADDED if name in values)
        for name, column in evaluation.columns.items():
            result.tallies.setdefault(name, Tally()).merge(tally_of(evaluation, name))
            if column.failed:
                first = column.results[column.failed[0]]
                result.failures.setdefault(name, f"outcome {first.outcome.value}, {first.error}")
        for counter in (self._summary, self._mixed):
            if counter is not None:
                counter.add(evaluation)


@dataclass
class Learning:
    """Learns the types of a block's columns, for data that does not declare them."""

    source: Source

    def __call__(self, block: Block, advance: Callable[[int], None] = lambda size: None) -> tuple[int, Any]:
        """The block's place and its columns as a schema of Arrow's."""
        return block.index, learnt_schema(self.source.rows(block), self.source.name)
