"""The content of LaTeX's `\\boxed{...}`."""

from __future__ import annotations

from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser

_COMMAND = "\\boxed"


@configured
class Boxed(Parser):
    """Takes the content of the last complete `\\boxed{...}`, whose braces may nest; of boxes in boxes that is the innermost.

    Escaped braces (`\\{`) do not count, white space at both ends is dropped, and a box that is never closed is passed over.
    """

    def parse(self, text: str) -> str | None:
        # From the last box to the first. A box that is still open at `end` leaves the one before it no brace to close with beyond its
        # own start, so each part of the text is read once, however many boxes are open.
        end = len(text)
        while (start := text.rfind(_COMMAND, 0, end)) >= 0:
            content = _braced(text, start + len(_COMMAND), end)
            if content is not None:
                return content
            end = start
        return None


def _braced(text: str, start: int, end: int) -> str | None:
    """What stands in the braces that open at `start`, if they close before `end`."""
    opening = text.find("{", start, end)
    if opening < 0 or text[start:opening].strip() or text.find("}", opening, end) < 0:
        return None
    depth, escaped = 0, False
    for place, char in enumerate(text[opening:end], opening):
        if escaped:
            escaped = False
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : place].strip()
        elif char == "\\":
            escaped = True
    return None
