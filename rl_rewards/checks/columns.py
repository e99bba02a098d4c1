"""The columns that a rubric reads, and those that a dataset has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.user_errors import UserError

__all__ = ["RESERVED_COLUMNS", "RubricDataError", "check_columns", "check_token_ids", "check_weights", "literals_like_columns", "missing_labels"]

# A trainer passes these to a reward function by name; a dataset column of that name would shadow or break its call.
RESERVED_COLUMNS = frozenset({"prompts", "completions", "trainer_state", "log_extra", "log_metric", "environments"})

# A column as it may be written where a text is expected: answer, references.answer, {answer}, $answer.
_COLUMN = re.compile(r"[{$\s]*(?:references?\.)?([^{}\s]+)[}\s]*")


class RubricDataError(UserError, ValueError):
    """The rubric and the dataset do not fit together."""


def check_columns(rubric: Rubric, columns: Iterable[str], more: bool = False) -> None:
    """Check that every column a reward reads is there, that no literal is a column's name, and no column has a name of the trainer's own.

    Args:
        columns: names of the dataset's columns.
        more: whether rollouts bring further columns, so that a missing one may still come.

    Raises:
        RubricDataError: naming the rewards, the columns they miss and the columns that exist.
    """
    there = set(columns)
    for reward in rubric.rewards:
        for literal, column in literals_like_columns(reward, there):
            raise RubricDataError(
                f"reward {reward.name!r} compares with the text {literal!r}, and the dataset has a column {column!r}; write "
                f"`reference: {column}` or '{{{{references.{column}}}}}' for the column, or rename the column"
            )
    missing = {reward.name: sorted(reward.columns - there) for reward in rubric.rewards if reward.columns - there and not more}
    if missing:
        wants = "; ".join(f"reward {name!r} needs {', '.join(map(repr, needs))}" for name, needs in missing.items())
        raise RubricDataError(f"the dataset lacks columns that the rubric reads: {wants}; it has {sorted(there)}{_nearest(missing, there)}")
    reserved = sorted(there & RESERVED_COLUMNS)
    if reserved:
        raise RubricDataError(
            f"the dataset has columns {reserved}, names under which the trainer passes its own values to reward functions; rename them"
        )


def missing_labels(rubric: Rubric, columns: Iterable[str]) -> str | None:
    """What the rubric's aggregates lack in data that is evaluated; None where all is there."""
    there = set(columns)
    missing = sorted(rubric.aggregate_columns - there)
    if not missing:
        return None
    return f"the aggregates of the rubric read columns that the data lacks: {', '.join(map(repr, missing))}; it has {sorted(there)}" + _nearest(
        {"": missing}, there
    )


def literals_like_columns(reward: Reward, columns: Iterable[str]) -> list[tuple[str, str]]:
    """The texts that a reward's answers are compared with, each with the column among `columns` that it may have meant."""
    found = ((literal, _COLUMN.fullmatch(literal)) for literal in sorted(reward.score.traits.literals))
    return [(literal, match[1]) for literal, match in found if match is not None and match[1] in set(columns)]


def _nearest(missing: Mapping[str, list[str]], there: set[str]) -> str:
    near = {match[0] for names in missing.values() for name in names if (match := get_close_matches(name, there, n=1))}
    return f"; did you mean {', '.join(map(repr, sorted(near)))}?" if near else ""


def check_token_ids(rubric: Rubric, given: bool) -> None:
    """Check that the caller gives the completions' token ids where a reward counts the policy's own tokens.

    Raises:
        RubricDataError: naming the rewards.
    """
    needing = [reward.name for reward in rubric.rewards if reward.score.traits.needs_token_ids]
    if needing and not given:
        raise RubricDataError(
            f"the caller must give the completions' token ids (completion_ids) for the rewards {needing}, got none; set their option `unit` "
            f"to what the text shows (words, characters), or use a trainer that passes them"
        )


def check_weights(rubric: Rubric) -> None:
    """Check that some reward has a weight: metrics alone train nothing.

    Raises:
        RubricDataError: when every weight is 0.
    """
    if all(reward.weight == 0 for reward in rubric.rewards):
        raise RubricDataError(f"some reward must have a weight other than 0, got 0 for all of {[reward.name for reward in rubric.rewards]}")
