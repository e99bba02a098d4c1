"""Letters that may be any other: the integer that a general solution runs over, and the constant of integration."""

from __future__ import annotations

import re

__all__ = ["has_letter", "over_integers", "renamed", "same_constant"]

_RUNS = re.compile(
    r"(?:[a-zA-Z]\\in)?(?P<open>\\\{)?(?P<solution>.+?)"
    r"(?:,|;|\||:|,?(?:\\text\{),?(?:for|where|with)?(?:all|any|some|every|each)?(?:integers?)?,?\}|,?(?:for|where|with)(?:all|any|some)?(?:integers?)?|\\forall ?|\()*"
    r"(?<![a-zA-Z\\])(?P<name>[a-zA-Z])(?P<condition>\\in ?\\mathbb\{Z\}|(?:\\text\{)?(?:is)?(?:an|any)?integer\}?)?\)?(?(open)\\\})"
)
_LETTER = re.compile(r"\\[a-zA-Z]+(?:\{[a-zA-Z]*\})?|[a-zA-Z]")  # commands whole, with the words in them
_CONSTANT = re.compile(r"\+(?P<name>[CcK]|C_\{1\}|\\text\{const(?:ant)?\.?\})$")


def over_integers(text: str) -> str:
    """A canonical general solution over the integers, the integer named k and without the words that say so: x=n*pi, n in Z, is x=k*pi."""
    match = _RUNS.fullmatch(text)
    if match is None or not (match["condition"] or "integer" in text[match.end("solution") : match.start("name")]):
        return text
    solution = match["solution"]
    return renamed(solution, match["name"], "k") if has_letter(solution.partition("=")[2] or solution, match["name"]) else text


def has_letter(text: str, letter: str) -> bool:
    """Whether a letter is among those of a canonical text, other than in its commands."""
    return any(match[0] == letter for match in _LETTER.finditer(text))


def renamed(text: str, letter: str, other: str) -> str:
    """A canonical text with another letter for one of its letters."""
    return _LETTER.sub(lambda match: other if match[0] == letter else match[0], text)


def same_constant(reference: str, answer: str) -> str:
    """A canonical answer with the reference's constant of integration where only its letter is another one."""
    theirs, mine = _CONSTANT.search(reference), _CONSTANT.search(answer)
    if theirs is None or mine is None:
        return answer
    letter, rest = mine["name"], answer[: mine.start()]
    elsewhere = f"{rest} {reference[: theirs.start()]}"
    return answer if has_letter(elsewhere, letter) or has_letter(elsewhere, theirs["name"]) else f"{rest}+{theirs['name']}"
