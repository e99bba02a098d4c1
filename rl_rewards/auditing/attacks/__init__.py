"""Dishonest responses to a row, in the rubric's own form and without it, by kind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from rl_rewards.auditing.attacks.hollow import for_judges, padded, stuffed, without_answer
from rl_rewards.auditing.attacks.kinds import KINDS, AttackKind
from rl_rewards.auditing.attacks.target import Attempts, Target
from rl_rewards.auditing.attacks.with_answer import in_thinking, programs, spoiled, with_gold

__all__ = ["KINDS", "Attack", "AttackKind", "Target", "attacks_on"]


@dataclass(frozen=True)
class Attack:
    """A dishonest response to a row.

    Attributes:
        kind: a key of KINDS.
        variant: which of the kind's variants; the same number is the same idea on every row.
        texts: it works only when each of these responses is paid: the two orders of two answers.
    """

    kind: str
    variant: str
    texts: tuple[str, ...]


def attacks_on(target: Target) -> list[Attack]:
    """The attacks on a row."""
    return [Attack(kind, variant, texts) for kind, variant, texts in _attempts(target)]


def _attempts(target: Target) -> Attempts:
    if target.runs_programs or any(source.kind == "program" for source in target.honest.sources):
        yield from programs(target)
        yield from itertools.islice(without_answer(target), 12)
        return
    for attempts in (without_answer, for_judges, stuffed, padded):
        yield from attempts(target)
    if target.honest.sources and target.honest.gold(target.number) is not None:
        for attempts in (with_gold, in_thinking, spoiled):
            yield from attempts(target)
