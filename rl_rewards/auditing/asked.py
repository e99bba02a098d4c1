"""The form of an answer that the prompts ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.templates import is_thinking_tag

__all__ = ["asked_templates"]

_MOST_ROWS = 0.8
_PAIR = re.compile(r"<([A-Za-z_][\w-]{0,30})>[^<\n]{0,40}</\1>")
_LEAD = re.compile(r"""(["'`“‘])\s*([A-Za-z][A-Za-z ]{1,30}[:=]|\#{2,4})[ ]*(?:\\n)?["'`”’]""")
_PLACEHOLDER = re.compile(
    r"""(["'`“‘])([A-Za-z#][^"'`“”‘’\n\x00]{1,40}?)(?<![A-Za-z])(?:[XN]|\.\.\.|…|<[a-z _]+>|\[[A-Za-z _]+\]|\{[A-Za-z _]+\})(\.?)["'`”’]"""
)


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
