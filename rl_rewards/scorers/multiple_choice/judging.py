"""What a sentence states about a group of options: the words before and behind it affirm, deny or merely consider it, and how plainly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rl_rewards.scorers.multiple_choice.lexicon import (
    ADDRESSED,
    ANSWER,
    BE,
    CHOOSE,
    CONCLUSIONS,
    CONDITIONS,
    CORRECTIONS,
    DECORATION,
    NEGATIONS,
    NOUNS,
    OTHERS,
    PAST,
    POSSIBLE,
    REPORTING,
    SEPARATORS,
    SUPERLATIVE,
    TRANSPARENT,
    VERDICTS,
    WRONG,
    WRONG_BEHIND,
)

__all__ = ["CONCLUDED", "MENTIONED", "STATED", "Group", "Statement", "denies", "judged"]

MENTIONED, CONCLUDED, STATED = range(3)


@dataclass
class Group:
    """Options named together, and the words before and after them."""

    labels: set[str]
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass
class Statement:
    """Options that a sentence affirms or denies, and how plainly: MENTIONED, CONCLUDED or STATED."""

    labels: frozenset[str]
    plainness: int
    affirmed: bool


def judged(group: Group) -> Statement | None:
    """What is stated about a group: affirmed or denied, and how plainly; None when it is only considered."""
    before, after = group.before, _predicate(group.after)
    if _is_supposed(before, group.after) or _is_reported(_last_part(before), after):
        return None
    if group.after[:1] == ["included"]:  # "None of them, A included."
        return Statement(frozenset(group.labels), CONCLUDED, not any(map(denies, before)))
    negations = _count_negations(before) + _count_negations(after) + len(WRONG & set(before)) + len(WRONG_BEHIND & set(after))
    negations -= "out" in (*before, *after) and any(word.startswith(("rule", "ruling")) for word in (*before, *after))  # once for both words
    if before[-2:] == ["such", "as"]:
        return None
    near = [word for word in _last_part(before) if word not in TRANSPARENT or word in ANSWER]
    last = near[-1] if near else ""
    verb = bool(after) and (after[0] in BE or after[0].endswith("n't") or after[0] in ("must", "can", "cannot", "does", "should", "has", "fails"))
    direct = last in BE or last in ANSWER or last in (":", "：", "=", "as", "→", "->", "with", "for")
    plainness = MENTIONED
    if (
        (direct and NOUNS & set(before) and not PAST & set(before))
        or (verb and (NOUNS & set(after)) and not PAST & set(after))
        or (CHOOSE & set(before) and (direct or last in CHOOSE))
    ):
        plainness = STATED
    elif (
        last in BE
        or (verb and VERDICTS & set(after))
        or (after and after[0] in VERDICTS)
        or (last in CONCLUSIONS and not after)
        or (negations and direct)
    ):
        plainness = CONCLUDED
    return Statement(frozenset(group.labels), plainness, negations % 2 == 0)


def _is_supposed(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a group is part of a condition ("if A", "it would be A if"), and not of what follows from one ("if I had to choose, A")."""
    comma = next((place for place in range(len(before) - 1, -1, -1) if before[place] in ",，"), 0)
    if any(word in CONDITIONS and comma - place <= 3 for place, word in enumerate(before)):
        return True
    return after[:1] in (["if"], ["unless"]) and not {"would", "could", "might"}.isdisjoint(before)


def _is_reported(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a group is others' opinion: "Some would say A", "A is what most people pick", "It is said to be A"."""
    for words in (before, after if after[:1] and after[0] in BE else ()):
        who = next((place for place, word in enumerate(words) if word in OTHERS and not _is_superlative(words, place)), None)
        if who is None or not NOUNS.isdisjoint(words[:who]):  # "The answer you would choose is A"
            continue
        reported = REPORTING.intersection(words[who + 1 :])
        if reported and (words[who] not in ADDRESSED or not POSSIBLE.isdisjoint(reported)):
            return True
    return len(before) > 2 and before[-2] == "to" and before[-3] in REPORTING and not BE.isdisjoint(before[:-3])


def _is_superlative(words: Sequence[str], place: int) -> bool:
    """Whether "most" compares, as in "the most likely answer", and is no number of people."""
    return words[place] == "most" and (words[place - 1 : place] == ["the"] or not SUPERLATIVE.isdisjoint(words[place + 1 : place + 2]))


def _predicate(after: Sequence[str]) -> list[str]:
    """The words behind a group that may say something of it: up to a comma or a conjunction, and a ", which ..." behind that."""
    words = [word for word in after if word not in DECORATION]
    if words[:1] == [","] and len(words) in (2, 3) and denies(words[-1]):  # "A, surely not"
        return words[1:]
    if words[:2] == [",", "which"]:
        words = words[2:]
    elif words[:1] == [":"] and words[1:2] and (words[1] in VERDICTS or denies(words[1])):  # "A: wrong"
        words = words[1:]
    following = [*words[1:], ""]
    ends = (place for place, word in enumerate(words) if (word in SEPARATORS or word in ",，—–-:：") and following[place] not in WRONG)  # "but wrong"
    return words[: next(ends, len(words))]


def _last_part(before: Sequence[str]) -> list[str]:
    start = next((place for place in range(len(before), 0, -1) if before[place - 1] in ",，—–"), 0)
    return list(before[start:])


def _count_negations(words: Sequence[str]) -> int:
    """How many times the words deny; of a part between commas only where it ends with a negation ("It is not, as some think, A")."""
    count, part = 0, []
    for word in [*words, None]:
        if word is not None and word not in ",，":
            part.append(word)
            continue
        if word is None or (part and denies(part[-1]) and part[-1] not in CORRECTIONS):
            count += sum(map(denies, part))
            for phrase in (("not", "only"), ("no", "matter")):
                count -= sum(pair == phrase for pair in zip(part, part[1:]))
            count += sum(first in ("anything", "everything", "all", "any") and second == "but" for first, second in zip(part, part[1:]))
            count += sum(first == "least" and second in ("likely", "plausible", "probable", "correct") for first, second in zip(part, part[1:]))
            count -= sum(first in ("nothing", "none") and second == "but" for first, second in zip(part, part[1:]))
            count -= sum(first == "rather" and second != "than" for first, second in zip(part, part[1:]))
        part = []
    return count


def denies(word: str) -> bool:
    return (
        word in NEGATIONS
        or word.endswith("n't")
        or word.startswith(("不", "并不", "并非", "答案不", "ではない", "ではあり", "ではなく", "아니", "아닙"))
    )
