"""Text -> tokens that are compared, in the manner of SQuAD (1606.05250), without losing what a gold answer may consist of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

__all__ = ["overlap", "tokens"]

_ARTICLES = frozenset({"a", "an", "the"})
# Punctuation of sentences, quotations and markup; + # % $ & @ / \ = < > ^ ~ | carry meaning and stay.
_SENTENCE = ".,;:!?\"'()[]{}…“”‘’„‚‛«»‹›—–`*_·¿¡。，、！？；：（）「」『』【】"
_EDGE = _SENTENCE + "-"
_INSIDE = re.compile(f"[{re.escape(_EDGE)}]")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_MINUS = str.maketrans({"−": "-", "﹣": "-", "－": "-", "’": "'"})


@lru_cache(maxsize=1 << 14)
def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a text: lower case, without sentence punctuation, without articles in front of a word.

    As SQuAD's normalisation, but what it would destroy stays: a sign and a decimal point (`-5`, `3.14`), an article that is no article
    (`A`, `vitamin A`, `a)`), symbols (`C++`, `50%`), and a text that is nothing but punctuation.
    """
    words = unicodedata.normalize("NFC", text).translate(_MINUS).split()
    found: list[str] = []
    for i, word in enumerate(words):
        bare = _bare(word)
        if bare and not (word.casefold() in _ARTICLES and _is_article(word, i, words)):
            found.append(bare)
    return tuple(found) or tuple(word.casefold() for word in words)


def _bare(word: str) -> str:
    """A word in lower case without its punctuation; a number keeps sign, point and whatever else is inside it."""
    left = word.lstrip(_EDGE)
    sign = "-" if word[: len(word) - len(left)].endswith("-") and left else ""
    if left[:1].isdigit() and word[: len(word) - len(left)].endswith("."):  # .5
        sign = "-." if word[: len(word) - len(left)].endswith("-.") else "."
    right = left.rstrip(_SENTENCE).casefold()
    if any(char.isdigit() for char in right):
        return sign + _THOUSANDS.sub(lambda match: match[0].replace(",", ""), right)
    core = right.rstrip("-")
    return sign + _INSIDE.sub("", core) + right[len(core) :] if core else ""


def _is_article(word: str, place: int, words: list[str]) -> bool:
    """Whether `a`, `an` or `the` stands in front of a word, and is not a letter by its own right as in `plan A is best`."""
    if place + 1 == len(words) or not words[place + 1].strip(_EDGE)[:1].isalnum():
        return False
    return word == word.lower() or place == 0 or words[place - 1][-1:] in ".!?:"


def overlap(found: tuple[str, ...], gold: tuple[str, ...]) -> int:
    """How many tokens two texts share, each as often as both have it."""
    return sum((Counter(found) & Counter(gold)).values())
