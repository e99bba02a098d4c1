"""The form of an answer that the prompts ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.templates import is_thinking_tag

__all__ = ["asked_templates", "asks_for_order", "leaves_order_open"]

_MOST_ROWS = 0.8
_PAIR = re.compile(r"<([A-Za-z_][\w-]{0,30})>[^<\n]{0,40}</\1>")
_LEAD = re.compile(r"""(["'`“‘])\s*([A-Za-z][A-Za-z ]{1,30}[:=]|\#{2,4})[ ]*(?:\\n)?["'`”’]""")
_PLACEHOLDER = re.compile(
    r"""(["'`“‘])([A-Za-z#][^"'`“”‘’\n\x00]{1,40}?)(?<![A-Za-z])(?:[XN]|\.\.\.|…|<[a-z _]+>|\[[A-Za-z _]+\]|\{[A-Za-z _]+\})(\.?)["'`”’]"""
)


_ANY_ORDER = re.compile(
    r"(?i)\b(?:in )?(?:any|whatever|no particular|arbitrary) order\b|\border (?:does not|doesn't|is not|isn't|need not|won't) \w+|\b(?:regardless|irrespective) of (?:the |their )?order"
)
_ORDER = re.compile(
    r"(?i)\bsort(?:ed|ing)?\b(?!\s+of\b|\s+(?:[\w']+\s+){0,5}into\b)|\b(?:alphabetical|chronological|numerical|ascending|descending|increasing|decreasing|reverse|right|correct) order\b"
    r"|\b(?:alphabetically|chronologically)\b|\border (?:them|these|those|the (?:following|words|numbers|items|events|names))\b|\b(?:rank|arrange|reorder) (?:them|these|those|the)\b|\bfrom (?:the )?(?:\w+est|first|most|least) (?:\w+ )?to (?:the )?(?:\w+est|last|most|least)\b"
)


def asks_for_order(prompt: str) -> bool:
    """Whether a prompt wants a list in an order of its own, so that the same items in another one are a wrong answer."""
    return _ORDER.search(prompt) is not None and not leaves_order_open(prompt)


def leaves_order_open(prompt: str) -> bool:
    """Whether a prompt says that a list may come in any order."""
    return _ANY_ORDER.search(prompt) is not None


def asked_templates(rows: Sequence[Row]) -> list[str]:
    """The templates that most prompts name: an empty pair of tags, a box, a line's beginning in quotation marks, a text with a placeholder."""
    by_row = [dict.fromkeys(_templates(row.prompt_text)) for row in rows[:40]]
    counts: dict[str, int] = {}
    for found in by_row:
        for template in found:
            counts[template] = counts.get(template, 0) + 1
    return [template for template, count in counts.items() if count >= _MOST_ROWS * len(by_row)]


def _templates(prompt: str) -> Iterator[str]:
    for match in _PAIR.finditer(prompt):
        if not is_thinking_tag(match[1]):
            yield f"<{match[1]}>{MARK}</{match[1]}>"
    if re.search(r"\\boxed\s*\{", prompt):
        yield f"\\boxed{{{MARK}}}"
    for match in _LEAD.finditer(prompt):
        yield f"{match[2]} {MARK}"
    for match in _PLACEHOLDER.finditer(prompt):
        if not match[2].lstrip().startswith(("<", "{", "[")):
            yield f"{match[2]}{MARK}{match[3]}"
