"""Words, words in capitals and sentences, counted as IFEval's evaluation counts them, in linear time.

That evaluation takes words to be runs of letters and digits, words in capitals to be tokens of a Penn Treebank tokenizer, and sentences to be
those of NLTK's trained Punkt model (Kiss and Strunk 2006), whose data has to be downloaded. Sentences here follow Punkt's rules with a table
of abbreviations in place of its trained ones, so a count may differ where an abbreviation is in one of them only.
"""

from __future__ import annotations

import re
from collections.abc import Set

__all__ = ["capital_words", "sentences", "words"]

_WORD = re.compile(r"\w+")
# What a Treebank tokenizer splits off: marks, quotes, dashes, and commas and colons that no digit follows.
_SPLIT = re.compile(r"[\s;@#$%&?!()\[\]{}<>\"“”«»]|--|``|''|\.\.\.|[,:](?!\d)")
_CONTRACTION = re.compile(r"(.+?)('(?:s|m|d|ll|re|ve)|n't)", re.IGNORECASE)
_FUSED = frozenset({"CANNOT", "GIMME", "GONNA", "GOTTA", "LEMME", "WANNA", "'TIS", "'TWAS"})

_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof gen col lt maj sen rep reps adm st jr sr ft inc corp co ltd bros cos vs v ave "
    "jan feb aug sept sep oct nov dec tues wed fri mg yr "
    "a.m p.m u.s u.k u.n u.s.a u.s.s.r d.c n.y l.a a.d ph.d m.b.a n.j n.h n.c s.c j.p a.g r.i "
    "ala ariz calif colo conn fla ga ill kan ky mass mich minn nev okla ore pa tenn va vt wash wis w.va".split()
)
# Words that begin a sentence more often than anything else does after an abbreviation or initials.
_STARTERS = frozenset(
    "the this that these those there here he she it we they you i his her its our their your my a an in on at for from by with as if when while "
    "where what who why how after before since because although though but and or so yet nor however moreover furthermore then thus therefore "
    "also some many most all no not one two each every another other both please".split()
)


def words(text: str) -> int:
    """Number of words: runs of letters, digits and underscores."""
    return sum(1 for _ in _WORD.finditer(text))


def capital_words(text: str) -> int:
    """Number of words in capitals; "A" and "U.S." are ones, "I'm" has one and "DON'T" is two."""
    count = 0
    for token in _SPLIT.split(text):
        if "'" in token and (parts := _CONTRACTION.fullmatch(token)):
            count += parts[1].isupper() + parts[2].isupper()
        elif token.isupper():
            count += 2 if token in _FUSED else 1
    return count


def sentences(text: str) -> int:
    """Number of sentences. A line break ends none: an unfinished line and the next are one sentence."""
    text = text.strip()
    if not text:
        return 0
    lower = frozenset(_LOWER.findall(text)) | _STARTERS
    count = end = 0
    for match in _TOKEN.finditer(text):
        stop = match.start() + _last_stop(match[0])
        if stop >= match.start() and (stop + 1 < match.end() or match.end() < len(text)) and _ends_sentence(text, match.start(), stop, lower):
            count += 1
            end = stop + 1
    closing = _CLOSING.match(text, end)  # closing quotes belong to the sentence before them
    return count + (end == 0 or closing is None or closing.end() < len(text))


def _last_stop(token: str) -> int:
    """The place of the last of `.?!` that ends the token or is followed by a bracket, a quote or another mark; -1 without one."""
    place = len(token)
    while (place := max(token.rfind(mark, 0, place) for mark in ".?!")) >= 0:
        if place + 1 == len(token) or token[place + 1] in "?!)\";}]*:@'({[":
            return place
    return -1


def _ends_sentence(text: str, start: int, stop: int, lower: Set[str]) -> bool:
    """Whether the mark at `stop` ends a sentence, by the word that it is part of, which begins at `start`, and by the word behind it."""
    if text[stop] != ".":
        return True
    name = text[start:stop].lstrip("\"'“‘([{").casefold()
    if name.endswith("."):  # an ellipsis
        return _begins(text, stop + 1, lower)
    if len(name) == 1 and name.isalpha():  # initials
        return _begins(text, stop + 1, lower)
    if _NUMBER.fullmatch(name):  # "1." of a list
        following = _FOLLOWING.match(text, stop + 1)
        return not (following and following["first"].islower())
    if name in _ABBREVIATIONS or name.rsplit("-", 1)[-1] in _ABBREVIATIONS:
        return _begins(text, stop + 1, lower)
    return True


def _begins(text: str, place: int, lower: Set[str]) -> bool:
    """Whether the word behind a place has a capital for no other reason than that it begins a sentence."""
    following = _FOLLOWING.match(text, place)
    return bool(following and following["first"].isupper() and following["word"].casefold() in lower)


_TOKEN = re.compile(r"\S+")
_LOWER = re.compile(r"\b[a-z]+\b")
_CLOSING = re.compile(r"(?:[\"')\]}]+(?=\s|$))?\s*")
_FOLLOWING = re.compile(r"\s+(?P<word>(?P<first>\w)[\w']*)")
_NUMBER = re.compile(r"-?[.,]?\d[\d,.\-]*")
