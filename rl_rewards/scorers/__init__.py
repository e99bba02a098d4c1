"""Scorers: a batch of samples and their answers -> one result each.

    scorer({"string_match": {"equals": "{{references.answer}}"}})
    scorer({"number_match": "answer"})
"""

from __future__ import annotations

from typing import Any

from rl_rewards.kinds import Kinds
from rl_rewards.scorers.base import AnswerScorer, ReferenceScorer, Scorer

__all__ = ["KINDS", "AnswerScorer", "ReferenceScorer", "Scorer", "scorer"]

KINDS = Kinds(
    "scorer",
    {
        "function": "rl_rewards.scorers.function:Function",
        "string_match": "rl_rewards.scorers.string_match:StringMatch",
        "regex_match": "rl_rewards.scorers.regex_match:RegexMatch",
        "soft_overlong": "rl_rewards.scorers.length:SoftOverlong",
        "length_window": "rl_rewards.scorers.length:LengthWindow",
    },
)


def scorer(spec: Any) -> Scorer:
    """Make a scorer from what a rubric file says: a kind, a mapping of one kind to its options, or a Scorer as it is.

    Raises:
        ValueError: when the spec is of another form, names an unknown kind, or has wrong options.
    """
    if isinstance(spec, Scorer):
        return spec
    return KINDS.make(spec)


def __getattr__(name: str) -> Any:
    return KINDS.class_named(name, __name__)


def __dir__() -> list[str]:
    return [*globals(), *KINDS.class_names]
