"""A text as words, numbers and marks, in linear time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Token", "key_of", "sentences", "tokens"]

# Words of the Latin script apart from others, so that a letter is found in "答案是B"; "e.g.", "D.C." and "C-section" are words, and so are
# "x=2" and "B+". A number keeps its sign, currency and unit. No part repeats inside another, so no text takes more than linear time.
_LATIN = r"A-Za-z\u00c0-\u024f"
_TOKEN = re.compile(
    rf"\\+(?P<command>[a-zA-Z]+)|(?P<word>(?:[A-Za-z]\.){{2,}}|[{_LATIN}]+(?:[’'\-+#_&][{_LATIN}0-9+#]+)*)|(?P<other>[^\W\d_{_LATIN}]+)"
    r"|(?P<number>[-−+$€£=]*\d+(?:[.,:/^]\d+)*(?:[%°]|[A-Za-z]+)?)|(?P<line>\n\s*)|(?P<mark>[^\w\s]|_)"
)
_STOPS = frozenset(".!?;。！？；\n")


class Token(NamedTuple):
    """A piece of a text. `kind` is word, number or mark; `text` is as written."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """The tokens of a text, without blanks; a line break is the mark `\\n`."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "line":
            found.append(Token("mark", "\n"))
        elif kind == "command":
            found.append(Token("command", match["command"]))
        else:
            found.append(Token("word" if kind == "other" else kind or "mark", match[0].replace("’", "'")))
    return found


def key_of(token: Token) -> str | None:
    """What two spellings of a word or number have in common; None for a mark."""
    return None if token.kind in ("mark", "command") else token.text.casefold()


def sentences(text: Sequence[Token], goes_on: frozenset[str]) -> list[tuple[list[Token], str]]:
    """Sentences, each with the stop that ends it. A line ends one, but not behind a colon or a word of `goes_on` ("Answer", "is")."""
    found: list[tuple[list[Token], str]] = []
    sentence: list[Token] = []
    leads_on = False
    for token in text:
        if token.kind == "mark" and token.text in _STOPS:
            if token.text == "\n" and leads_on:
                continue
            if sentence:
                found.append((sentence, token.text))
            elif found and token.text == "?":
                found[-1] = (found[-1][0], "?")
            sentence, leads_on = [], False
        else:
            sentence.append(token)
            if token.kind != "mark" or token.text in ":：":
                leads_on = token.kind == "mark" or token.text.casefold() in goes_on
    if sentence:
        found.append((sentence, ""))
    return found
