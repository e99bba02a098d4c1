"""Answers in words: choices, times of day, counted things, plain words."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.values import Choice, Expression, Value, Words

__all__ = ["letters", "normalized", "read_words", "text_within"]

_CHOICE = re.compile(  # A, (A), A. Paris, Option A
    r"(?:\\text\{)?(?:[Oo]ption|[Cc]hoice)?(?:(?<=n)|(?<=e)|(?<![a-z]))\(?([A-J])\)?\}?(?:[.:)]\}?(?:[a-zA-Z\\]{2}|-?\d).*|(?<=\))\}?(?:\\text\{.*|-?\d.*))?",
    re.DOTALL,
)
_WORDS = re.compile(r"(?!-)(?:\\text\{[^{}\\]*\}|[a-zA-Z .:'’?-])+")
_WITHIN = re.compile(r"\\text\{((?:\d|[^{}]*[,;])[^{}]*)\}")  # \text{5 apples}, \text{even, odd}
_LIST_ITEM = re.compile(r"([a-zA-Z][^,;]*)")
_DATED = re.compile(r"\\text\{[^{}]*[a-zA-Z]{2}[^{}]*\}")  # words with digits among them: \text{June 20}
_TIME = re.compile(r"(\d{1,2}):([0-5]\d(?::[0-5]\d)?)(?:\\text\{)?([AaPp])\.?[Mm]\.?\}?")
_SHORT = frozenset("yes no odd dne".split())  # words of fewer letters than a product may have
_SENTENCE = re.compile(r"[.?!](?=[^.}])")
_SPELLED_OUT = {"dne": "doesnotexist"} | dict.fromkeys(
    ("infinitelymanysolutions", "infinitesolutions", "infinitenumberofsolutions", "aninfinitenumberofsolutions", "infinitelymanyrealsolutions"),
    "infinitelymany",
)
_THERE = re.compile(r"^there(?:is|are|exists?)(?=no|infinit|aninfinit)")
_SETS = dict.fromkeys(("allrealnumbers", "allreals", "therealnumbers", "allrealvalues"), r"\mathbb{R}") | dict.fromkeys(
    ("emptyset", "theemptyset", "nosolution", "nosolutions", "norealsolution", "norealsolutions", "nosolutionexists", "nosolutionsexist"),
    r"\emptyset",
)


def read_words(text: str) -> Value | None:
    """The choice, time or words that a canonical text is; words for a set are that set."""
    if (time := _TIME.fullmatch(text)) is not None:
        return Words(text, f"{time[1].lstrip('0')}:{time[2]}{time[3].lower()}")
    if (choice := _CHOICE.fullmatch(text)) is not None:
        return Choice(text, choice[1], _content(text[choice.end(1) :]))
    if not _are_words(text):
        return None
    words = _THERE.sub("", letters(text), count=1)
    return Expression(_SETS[words]) if words in _SETS else Words(text, _SPELLED_OUT.get(words, words))


def _content(rest: str) -> str:
    """What the option says, of the text behind its letter."""
    words = rest.lstrip(".:)}")
    return words if words.count("}") <= words.count("{") else f"\\text{{{words.removesuffix('}')}}}"


def text_within(text: str) -> str | None:
    """What is in a canonical text that is one \\text{...} of a number with its unit, or of a list."""
    match = _WITHIN.fullmatch(text)
    if match is None or match[1][0].isdigit():
        return match[1] if match is not None else None
    return _LIST_ITEM.sub(r"\\text{\1}", match[1])


def letters(text: str) -> str:
    """The letters and digits of a text in lower case."""
    return "".join(char for char in text.replace("\\text", "").casefold() if char.isalnum())


def normalized(text: str) -> str:
    """A canonical text without what prose may differ in: case, full stops, commas, \\text."""
    return re.sub(r"\\text|[{}., ]", "", text.casefold())


def _are_words(text: str) -> bool:
    """Whether a canonical text is words and no product of variables: \\text{...}, or four letters or more; one sentence."""
    if _DATED.fullmatch(text) is not None or (letters(text) in _SHORT and not text.startswith("-")):
        return True
    if _WORDS.fullmatch(text) is None or _SENTENCE.search(text) is not None:
        return False
    return "\\text" in text or (len(letters(text)) >= 4 and not all(len(part) < 3 for part in re.split(r"[^a-zA-Z]+", text)))
