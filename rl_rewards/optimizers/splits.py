"""Rows for three uses: to learn from, to choose by, and to judge the choice by, once."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from rl_rewards.generation.collecting import PromptRow
from rl_rewards.user_errors import UserError

__all__ = ["MOST_TEST", "MOST_TRAIN", "Split", "SplitError", "split_rows"]

MOST_TRAIN, MOST_TEST = 200, 500
"""Rows of a part, unless more are asked for: a completion of each is paid for."""
_FEWEST_VALIDATION = 8


class SplitError(UserError, ValueError):
    """There are too few rows for three parts."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows in three parts that share no prompt.

    Attributes:
        train: completions to these become examples, and are reflected on.
        validation: candidates are measured and ranked on these.
        test: read once, when the search is over.
    """

    train: list[PromptRow]
    validation: list[PromptRow]
    test: list[PromptRow]


def split_rows(
    rows: Sequence[PromptRow], budget: int, seed: int = 0, train: int | None = None, validation: int | None = None, test: int | None = None
) -> Split:
    """Split rows by their prompts: rows with equal prompts are in one part.

    A third each by default, but at most 200 to train, a twentieth of the budget (and at least 8) to validate, and 500 to test.

    Args:
        budget: completions of the search.
        seed: of the shuffle.
        train, validation, test: rows of a part, where the default is not wanted.

    Raises:
        SplitError: when a part would have no row, or more rows are asked for than there are.
    """
    groups: dict[str, list[PromptRow]] = {}
    for row in rows:
        groups.setdefault(json.dumps(row.prompt, sort_keys=True, default=str), []).append(row)
    shuffled = [groups[key] for key in sorted(groups)]
    random.Random(seed).shuffle(shuffled)
    third = len(rows) // 3
    wanted = {
        "train": min(third, MOST_TRAIN) if train is None else train,
        "validation": min(third, max(_FEWEST_VALIDATION, budget // 20)) if validation is None else validation,
        "test": min(third, MOST_TEST) if test is None else test,
    }
    if empty := [name for name, size in wanted.items() if size < 1]:
        raise SplitError(f"each part must have a row, got none for {', '.join(empty)} of {len(rows)} rows")
    if sum(wanted.values()) > len(rows):
        raise SplitError(f"train, validation and test must be at most the {len(rows)} rows that there are, got {wanted}")
    parts: dict[str, list[PromptRow]] = {name: [] for name in wanted}
    waiting = iter(shuffled)
    for name, size in wanted.items():
        while len(parts[name]) < size and (group := next(waiting, None)) is not None:
            parts[name] += group
        parts[name] = parts[name][:size]
        if not parts[name]:
            raise SplitError(f"rows with equal prompts are in one part, and {len(groups)} different prompts are too few for three parts")
    return Split(**parts)
