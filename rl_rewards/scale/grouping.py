"""The groups of a data set, found before it is scored: whether each one's rows are neighbours, and what is not whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rl_rewards.tables.batches import GROUP_ROWS, too_large
from rl_rewards.tables.blocks import Block, Source
from rl_rewards.tables.group_key import GroupKey
from rl_rewards.tables.readers import TableError
from rl_rewards.types.rows import PAIRS, RowError, sample_of

__all__ = ["Finding", "Groups", "Runs", "groups_of"]


@dataclass
class Runs:
    """The runs of a block: neighbours of one group and one prompt.

    Attributes:
        index: the block's place.
        keys, prompts: by run, 16 and 8 bytes that stand for its group and its prompt, shape (R,).
        rows, first: by run, how many rows, and the number of the first one, shape (R,).
        lacking: keys of rows that are left out and whose group is known.
    """

    index: int
    keys: np.ndarray
    prompts: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    lacking: np.ndarray


@dataclass
class Finding:
    """Finds the runs of a block. A picklable value."""

    source: Source
    key: GroupKey

    def __call__(self, block: Block, advance: Callable[[int], None] = lambda size: None) -> Runs:
        keys: list[bytes] = []
        prompts: list[bytes] = []
        rows: list[int] = []
        first: list[int] = []
        lacking: list[bytes] = []
        for row in self.source.rows(block):
            if row.values is None:
                continue
            try:
                prompt = sample_of(row.values).prompt
            except RowError:
                if (text := self._text_of_left_out(row.values)) is not None:
                    lacking.append(self.key.digest(text))
                continue
            try:
                key = self.key.digest(self.key.text(row.values, prompt))
            except TableError as error:
                raise TableError(f"{self.source.name}: row {row.number}: {error}") from None
            asked = self.key.digest(GroupKey().text({}, prompt))[:8]
            if keys and (keys[-1], prompts[-1]) == (key, asked):
                rows[-1] += 1
            else:
                keys.append(key)
                prompts.append(asked)
                rows.append(1)
                first.append(row.number)
        return Runs(block.index, _array(keys), _array(prompts, 8), np.array(rows, np.int64), np.array(first, np.int64), _array(lacking))

    def _text_of_left_out(self, values: dict[str, Any]) -> str | None:
        """The group of a row that is no sample, such as one without a completion, where it has a prompt or the columns."""
        prompt = next((values[name] for name, _ in PAIRS if values.get(name) is not None), None)
        try:
            text = self.key.text(values, prompt)
        except TableError:
            return None
        return None if prompt is None and not text.startswith(("id ", "columns ")) else text


def _array(keys: list[bytes], size: int = 16) -> np.ndarray:
    return np.frombuffer(b"".join(keys), np.dtype(f"V{size}"))


@dataclass(frozen=True)
class Groups:
    """What was found out of a data set's groups.

    Attributes:
        rows, groups: how many there are.
        smallest, largest: rows of a group.
        scattered: groups whose rows are not neighbours.
        several_prompts: groups with more than one prompt.
        lacking: groups of which rows are left out.
    """

    rows: int
    groups: int
    smallest: int
    largest: int
    scattered: int
    several_prompts: int
    lacking: int

    def describe(self, key: GroupKey) -> str:
        """Them in a line."""
        size = str(self.largest) if self.smallest == self.largest else f"{self.smallest} to {self.largest}"
        notes = [f"{_groups(self.groups)} of {size} row{'s' * (self.largest != 1)}, {key.describe()}"]
        if self.scattered:
            notes.append(f"the rows of {_groups(self.scattered)} are not next to each other in the data, and were scored as whole groups")
        if self.several_prompts:
            notes.append(f"{_groups(self.several_prompts)} with more than one prompt")
        if self.lacking:
            notes.append(f"{_groups(self.lacking)} not whole, since rows were left out")
        return "; ".join(notes)

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def _groups(count: int) -> str:
    return f"{count} group{'s' * (count != 1)}"


def groups_of(found: Iterable[Runs], key: GroupKey) -> Groups:
    """The groups of all blocks. Memory: 40 bytes a run; the blocks may come in any order.

    Raises:
        TableError: when a group is too large to be one.
    """
    blocks = sorted(found, key=lambda runs: runs.index)
    if not any(len(runs.keys) for runs in blocks):
        return Groups(0, 0, 0, 0, 0, 0, 0)
    keys, prompts, rows, first, lacking = (
        np.concatenate([getattr(runs, name) for runs in blocks]) for name in ("keys", "prompts", "rows", "first", "lacking")
    )
    numbered, count = _numbered(np.concatenate([keys, lacking]))
    numbers = numbered[: len(keys)]
    sizes = np.bincount(numbers, weights=rows, minlength=count).astype(np.int64)
    if sizes.max() > GROUP_ROWS:
        raise TableError(too_large(int(first[np.flatnonzero(numbers == sizes.argmax())[0]]), key))
    begins = np.ones(len(numbers), bool)
    begins[1:] = numbers[1:] != numbers[:-1]
    asked = _numbered(prompts)[0]
    of_a_prompt = np.unique(numbers * (asked.max() + 1) + asked) // (asked.max() + 1)
    there = sizes > 0
    return Groups(
        rows=int(sizes.sum()),
        groups=int(there.sum()),
        smallest=int(sizes[there].min()),
        largest=int(sizes.max()),
        scattered=int((np.bincount(numbers[begins], minlength=count) > 1).sum()),
        several_prompts=int((np.bincount(of_a_prompt, minlength=count) > 1).sum()),
        lacking=int(there[np.unique(numbered[len(keys) :])].sum()),
    )


def _numbered(keys: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers that are equal where keys are, shape (N,), and how many there are."""
    words = keys.view(np.uint64).reshape(len(keys), keys.itemsize // 8)
    order = np.lexsort(words.T)
    new = np.zeros(len(keys), np.int64)
    new[1:] = (words[order][1:] != words[order][:-1]).any(axis=1)
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.cumsum(new)
    return numbers, int(new.sum()) + 1
