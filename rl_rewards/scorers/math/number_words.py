"""Whole numbers in English words: "one hundred and five" is 105."""

from __future__ import annotations

import re

__all__ = ["number_in_words"]

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = {word: 10 * place for place, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_VALUES = {word: value for value, word in enumerate(_ONES)} | _TENS
# Canonical text has lost its spaces, and "and" is a comma there; longer words first, so that "seventy" is not "seven".
_WORD = re.compile("|".join(sorted([*_VALUES, "hundred", *_SCALES, "[, -]+"], key=len, reverse=True)))
_LONGEST = 300


def number_in_words(text: str) -> int | None:
    """The value of a canonical text that is a whole number in words, None for all else."""
    if len(text) > _LONGEST:
        return None
    text = text.removeprefix("\\text{").removesuffix("}").lower()
    if not text[:1].isalpha() or text[:2] not in _STARTS:
        return None
    words, place = [], 0
    while place < len(text):
        match = _WORD.match(text, place)
        if match is None:
            return None
        place = match.end()
        if match[0][0].isalpha():
            words.append(match[0])
        elif "," in match[0] and not (words and words[-1] in ("hundred", *_SCALES)):
            return None  # "one, two" is a list; "one hundred and two" is not
    return _value(words)


_STARTS = frozenset(word[:2] for word in _VALUES)


def _value(words: list[str]) -> int | None:
    total, group, before = 0, 0, ""
    ceiling = max(_SCALES.values()) * 1000
    for word in words:
        if word in _SCALES:
            if not group or _SCALES[word] >= ceiling:
                return None
            ceiling = _SCALES[word]
            total, group = total + group * ceiling, 0
        elif word == "hundred":
            if not 0 < group < 10:
                return None
            group *= 100
        else:
            value = _VALUES[word]
            if (before in _TENS and not 0 < value < 10) or before in _ONES or (before == "hundred" and not value):
                return None
            group += value
        before = word
    return total + group if words else None
