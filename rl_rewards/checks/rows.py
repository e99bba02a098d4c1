"""Rows that a rubric would not score as they are: references that its scorers cannot read, prompts of several shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from typing import Any

from rl_rewards.checks.columns import RubricDataError
from rl_rewards.references import is_whole_float
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.base import ReadsReferences, Scorer
from rl_rewards.types import Sample, describe

__all__ = ["RowChecks"]


@dataclass
class _References:
    """What came of reading a reward's references."""

    rows: int = 0
    unusable: int = 0
    first: str = ""


class RowChecks:
    """Reads every row as training would: its prompt, and its references with the scorers that compare with them.

    `add` takes the rows one by one; then `findings` has a line for each kind of row that does not fit, and `finish` raises where nothing fits.

    Args:
        prompts: whether rows must have a `prompt`, as rows to train on do.
    """

    def __init__(self, rubric: Rubric, prompts: bool = True) -> None:
        self._readers = [(reward, scorers) for reward in rubric.rewards if (scorers := list(_row_scorers(reward.score)))]
        self._references = {reward.name: _References() for reward, _ in self._readers}
        self._types: dict[str, set[str]] = {column: set() for column in sorted(rubric.columns)}
        self._with_prompts = prompts
        self._prompts: Counter[str] = Counter()
        self._rows = 0

    def reads(self, reward: Reward) -> bool:
        """Whether a reward's references are read by its scorer."""
        return reward.name in self._references

    def add(self, row: Mapping[str, Any], number: int) -> None:
        """Look at a row.

        Args:
            number: its line or place in the data, from 1.
        """
        self._rows += 1
        if self._with_prompts:
            self._prompts[_shape_of_prompt(row.get("prompt"))] += 1
        for column, types in self._types.items():
            if row.get(column) is not None:
                types.add(_kind_of_number(row[column]))
        sample = Sample(None, "", "", row)
        for reward, scorers in self._readers:
            if reward.applies_to(row):
                self._read(reward, scorers, sample, number)

    def _read(self, reward: Reward, scorers: list[ReadsReferences], sample: Sample, number: int) -> None:
        count = self._references[reward.name]
        count.rows += 1
        try:
            for scorer in scorers:
                scorer.check_reference(sample)
        except Exception as error:  # whatever a scorer says of a reference that it cannot read
            count.unusable += 1
            if not count.first:
                count.first = f"row {number}: {error or describe(error)}"

    @property
    def findings(self) -> list[str]:
        """A line for each reward with references that cannot be used on some rows, and on prompts."""
        found = [
            f"reward {name!r} cannot use the reference of {count.unusable} of {_rows(count.rows)}; the first: {count.first}"
            for name, count in self._references.items()
            if count.unusable
        ]
        return found + self._prompt_findings()

    @property
    def warnings(self) -> list[str]:
        """A line for each column whose values a reader has most likely changed."""
        return [
            f"column {column!r} has whole numbers as floats, as readers that guess types make of integers with a gap: a reference 12.0 is "
            f"compared as 12 and as 12.0; to keep what is written, read the file with rl_rewards.tables.datasets.load_dataset, or cast the column"
            for column, types in self._types.items()
            if types == {"whole float"}
        ] + [
            f"column {column!r} has dates or times, as readers that guess types make of text: text scorers cannot compare them; read the file "
            f"with rl_rewards.tables.datasets.load_dataset, or cast the column to text"
            for column, types in self._types.items()
            if "date" in types
        ]

    def finish(self, least: int = 1) -> None:
        """Raise where training would be for nothing.

        Args:
            least: rows that must have been read to say that a reward can use the reference of none.

        Raises:
            RubricDataError: when a reward can use no reference at all, or prompts are of several shapes, or absent.
        """
        for name, count in self._references.items():
            if count.rows >= least and count.unusable == count.rows:
                raise RubricDataError(f"reward {name!r} cannot use the reference of any row; {count.first}")
        shapes = {shape for shape in self._prompts if shape in ("text", "messages")}
        if self._with_prompts and self._rows and not shapes:
            raise RubricDataError(f"every row must have a prompt, text or a list of messages; got {', '.join(self._prompts)}")
        if len(shapes) > 1:
            raise RubricDataError(f"prompts must be all text or all messages: a trainer looks at the first alone; got {self._counted()}")

    def _prompt_findings(self) -> list[str]:
        odd = sum(count for shape, count in self._prompts.items() if shape not in ("text", "messages"))
        return [f"the prompt must be text or a list of messages in every row, got {self._counted()}"] if odd else []

    def _counted(self) -> str:
        return ", ".join(f"{shape} in {_rows(count)}" for shape, count in self._prompts.most_common())


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _row_scorers(scorer: Scorer) -> Iterator[ReadsReferences]:
    """A scorer, where it reads a row's reference, and those in its options."""
    if isinstance(scorer, ReadsReferences):
        yield scorer
    for option in fields(scorer) if is_dataclass(scorer) else ():
        value = getattr(scorer, option.name, None)
        for held in value if isinstance(value, tuple) else (value,):
            if isinstance(held, Scorer):
                yield from _row_scorers(held)


def _shape_of_prompt(prompt: Any) -> str:
    if prompt is None:
        return "nothing"
    if isinstance(prompt, str):
        return "text" if prompt.strip() else "empty text"
    if isinstance(prompt, list):
        return "messages" if prompt and all(isinstance(turn, Mapping) and "role" in turn for turn in prompt) else "a list of something else"
    return type(prompt).__name__


def _kind_of_number(value: Any) -> str:
    if isinstance(value, (date, time)):
        return "date"
    return "whole float" if is_whole_float(value) else "other"
