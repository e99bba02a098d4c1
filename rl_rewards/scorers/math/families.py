"""Letters that may be any other: the integer that a general solution runs over, and the constant of integration."""

from __future__ import annotations

import re

__all__ = ["over_integers", "same_constant"]

_RUNS = re.compile(
    r"(?:[a-zA-Z]\\in)?(?P<open>\\\{)?(?P<solution>.+?)"
    r"(?:,|;|\||:|,?(?:\\text\{),?(?:for|where|with)?(?:all|any|some|every|each)?(?:integers?)?,?\}|,?(?:for|where|with)(?:all|any|some)?(?:integers?)?|\\forall ?|\()*"
    r"(?<![a-zA-Z\\])(?P<name>[a-zA-Z])(?P<condition>\\in ?\\mathbb\{Z\}|(?:\\text\{)?(?:is)?(?:an|any)?integer\}?)?\)?(?(open)\\\})"
)
_CONSTANT = re.compile(r"\+(?P<name>[CcK]|C_\{1\}|\\text\{const(?:ant)?\.?\})$")


def over_integers(text: str) -> str:
    """A canonical general solution over the integers, the integer named k and without the words that say so: x=n*pi, n in Z, is x=k*pi."""
    match = _RUNS.fullmatch(text)
    if match is None or not (match["condition"] or "integer" in text[match.end("solution") : match.start("name")]):
        return text
    letter = re.compile(rf"(?<![a-zA-Z\\]){match['name']}(?![a-zA-Z=])")
    solution = match["solution"]
    return letter.sub("k", solution) if letter.search(solution) is not None else text


def same_constant(reference: str, answer: str) -> str:
    """A canonical answer with the reference's constant of integration where only its letter is another one."""
    theirs, mine = _CONSTANT.search(reference), _CONSTANT.search(answer)
    if theirs is None or mine is None:
        return answer
    letter, rest = mine["name"], answer[: mine.start()]
    elsewhere = re.compile(rf"(?<![a-zA-Z\\]){re.escape(letter)}(?![a-zA-Z_])")
    return answer if elsewhere.search(f"{rest} {reference}") is not None else f"{rest}+{theirs['name']}"
