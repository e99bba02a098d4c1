"""The content of LaTeX's `\\boxed{...}`."""

from __future__ import annotations

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser
from rl_rewards.parsers.denial import denied

_BOX = "\\boxed"


@configured
class Boxed(TextParser):
    """Takes the content of the last complete `\\boxed{...}`, whose braces may nest; of boxes in boxes that is the innermost.

    Escaped braces (`\\{`) do not count, white space at both ends is dropped, and a box that is never closed, or that its
    own sentence denies ("the answer is not \\boxed{4}"), is passed over.
    """

    def extract(self, text: str) -> str | None:
        # From the last box to the first. A box that stays open leaves the one before it no brace to close with beyond its own start, so a
        # box either closes before the next one or never, and the text is read once, however many are open.
        pieces = text.split(_BOX)
        start = len(text)
        for piece in reversed(pieces[1:]):
            start -= len(piece) + len(_BOX)
            content = _braced(piece)
            if content is not None:
                end = text.index(content, start + len(_BOX)) + len(content) + 1
                if not denied(text, start, end):
                    return content.strip()
        return None


def _braced(text: str) -> str | None:
    """What is in the braces at the start of `text`; None where there are none, or they do not close."""
    if "}" not in text or (text[0] != "{" and not (text := text.lstrip()).startswith("{")):
        return None
    depth, escaped = 0, False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return text[1:place]
        elif char == "\\":
            escaped = True
    return None
