"""`Run`: what a run left of its rewards, as arrays over completions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rl_rewards.types import Outcome

__all__ = ["OUTCOMES", "Run", "TextRow"]

OUTCOMES = tuple(outcome.value for outcome in Outcome)
"""Outcomes by their code in `Run.outcomes`."""


@dataclass(slots=True)
class TextRow:
    """The texts of a completion, which a Run does not hold.

    Attributes:
        prompt, completion, reasoning, references: text as it is, messages and columns as JSON; None where there is none.
        parsed, reasons: reward -> text or None.
    """

    prompt: str | None
    completion: str | None
    reasoning: str | None
    references: str | None
    parsed: dict[str, str | None]
    reasons: dict[str, str | None]


@dataclass(eq=False)
class Run:
    """A run, read once: arrays over its N completions and R rewards. A number that is not there is NaN.

    Attributes:
        name: how the report calls it: its directory's or its file's name.
        path: what was read.
        recorded: whether it is a recorder's record, and not a scored file.
        finished: whether the record has been merged into `rewards.parquet`; else it was read from its parts.
        rewards: names of the R rewards, in the rubric's order.
        weights: shape (R,); of a scored file, which does not say, worked out from its totals, NaN where that is not possible.
        step: the trainer's step, shape (N,), -1 outside training. Rows need not be ordered by it.
        training: whether the completion was trained on (and not evaluated), shape (N,).
        rank, index: the process and the completion's number within step, mode and process, shape (N,).
        group: number of the group, from 0, the same for all completions of one group and for no other, shape (N,); -1 where unknown.
        prompt: index into `prompt_ids`, shape (N,); -1 where there is none.
        scorable: False where a weighted reward failed, shape (N,).
        total: weighted sum of the rewards' scores, shape (N,); NaN where it is not scorable or has no score.
        advantage: as the trainer gave it, shape (N,).
        tokens: tokens that the policy wrote, shape (N,).
        characters: length of the completion's text, shape (N,).
        text: a number for each completion's text, the same for equal texts, shape (N,).
        scores, raw: score after and before clip, gate and `on_error`, shape (N, R). A scored file has no raw scores.
        outcomes: codes of OUTCOMES, shape (N, R); -1 where the completion was not given to the reward (its rubric had none of that name).
        failed: whether the reward itself failed, shape (N, R).
        gate: 1 open, 0 closed, -1 no gate or not decided, shape (N, R).
        seconds: wall time of the reward over the whole batch that the completion was in, shape (N, R).
        row_seconds: wall time that scoring the completion itself took, shape (N, R); NaN where it is known of the batch alone.
        batch: number of the batch that was scored together, shape (N,).
        text_size: bytes of its completion, parsed answers and reasons, shape (N,).
        components: (reward, component) -> shape (N,).
        rubric: its file as text; empty where it was not kept.
        config, versions: as the recorder kept them.
        logged: metric of the trainer's log -> (steps, values), each shape (T,).
    """

    name: str
    path: Path
    recorded: bool
    finished: bool
    rewards: tuple[str, ...]
    weights: np.ndarray
    step: np.ndarray
    training: np.ndarray
    rank: np.ndarray
    index: np.ndarray
    group: np.ndarray
    prompt: np.ndarray
    prompt_ids: list[str]
    scorable: np.ndarray
    total: np.ndarray
    advantage: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray
    text: np.ndarray
    scores: np.ndarray
    raw: np.ndarray
    outcomes: np.ndarray
    failed: np.ndarray
    gate: np.ndarray
    seconds: np.ndarray
    row_seconds: np.ndarray
    batch: np.ndarray
    text_size: np.ndarray
    components: dict[tuple[str, str], np.ndarray]
    rubric: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    logged: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    texts_of: Callable[[np.ndarray], dict[int, TextRow]] = field(default=lambda rows: {}, repr=False)

    def __len__(self) -> int:
        """N, the number of completions."""
        return len(self.step)

    def texts(self, rows: Iterable[int]) -> dict[int, TextRow]:
        """The texts of some completions by their place in the arrays, read from disk."""
        return self.texts_of(np.unique(np.fromiter(rows, np.int64)))

    @property
    def trained(self) -> np.ndarray:
        """Which completions the report's curves are made of, shape (N,): those trained on; of a run with none, all."""
        return self.training if self.training.any() else np.ones(len(self), bool)

    @property
    def stepped(self) -> bool:
        """Whether there is a course over steps to show: the completions are of two or more."""
        steps = self.step[self.trained]
        return bool(len(steps)) and bool((steps != steps[0]).any())

    @property
    def lengths(self) -> tuple[np.ndarray, str]:
        """Length of each completion and its unit: tokens where the record has them of any completion, else characters."""
        return (self.tokens, "tokens") if np.isfinite(self.tokens).any() else (self.characters, "characters")

    @property
    def group_numbers(self) -> np.ndarray:
        """Number of each group within its step, mode and process, from 0 in the record's order, shape (N,); -1 where unknown."""
        where = np.stack([self.step, self.rank, self.training], axis=1)
        place = np.unique(where, axis=0, return_inverse=True)[1].reshape(-1)
        known = self.group >= 0
        first = np.full(int(place.max(initial=0)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, place[known], self.group[known])
        return np.where(known, self.group - first[place], -1)

    def column(self, reward: str) -> np.ndarray:
        """Scores of a reward, shape (N,), or of `total`."""
        return self.scores[:, self.rewards.index(reward)] if reward in self.rewards else self.total

    def ledger(self, where: np.ndarray | None = None) -> dict[str, dict[str, int]]:
        """What became of each reward's rows: rows = scored + unparsed + skipped + failed + left_out.

        Args:
            where: the completions that count, shape (N,); by default all.
        """
        chosen = np.ones(len(self), bool) if where is None else where
        return {name: {kind: int(mask[chosen].sum()) for kind, mask in self.ledger_masks(i).items()} for i, name in enumerate(self.rewards)}

    def ledger_masks(self, reward: int) -> dict[str, np.ndarray]:
        """The ledger's kinds as truth values over completions, shape (N,) each; every row of the reward is of exactly one kind beside `rows`."""
        codes = self.outcomes[:, reward]
        rows = codes >= 0
        failed = rows & self.failed[:, reward]
        skipped = rows & ~failed & (codes == OUTCOMES.index("skipped"))
        left_out = rows & ~failed & ~skipped & ~self.scorable
        unparsed = rows & ~failed & ~skipped & ~left_out & (codes == OUTCOMES.index("unparsed"))
        scored = rows & ~failed & ~skipped & ~left_out & ~unparsed
        return {"rows": rows, "scored": scored, "unparsed": unparsed, "skipped": skipped, "failed": failed, "left_out": left_out}

    def row_name(self, row: int) -> str:
        """A completion's name, the same in every report of the run: `train/120/0/17` (mode, step, rank, index), or `row/17` of a scored file."""
        if not self.recorded:
            return f"row/{self.index[row]}"
        return f"{'train' if self.training[row] else 'eval'}/{self.step[row]}/{self.rank[row]}/{self.index[row]}"
