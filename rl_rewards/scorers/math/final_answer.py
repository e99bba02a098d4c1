"""The final answer in a response, or in its last <answer>...</answer>: the last box, else the last stated answer, else the whole of a short text.

All of it takes time linear in the text: searches for fixed words, one pass over braces, and patterns on windows of bounded length.
"""

from __future__ import annotations

import re
from typing import Literal

from rl_rewards.parsers.tag import Tag
from rl_rewards.scorers.math import statements
from rl_rewards.scorers.math.boxes import answer_in, boxes_in
from rl_rewards.scorers.math.conclusions import concluded
from rl_rewards.scorers.math.languages import in_english
from rl_rewards.scorers.math.statements import LONGEST

__all__ = ["LONGEST", "Extract", "final_answer", "reference_answer"]

Extract = Literal["boxed", "stated", "anywhere"]

_ANSWER = Tag("answer", thinking="keep")
_INLINE_CODE = re.compile(r"(?<!`)`([^`\n]{1,200})`(?!`)|^[ \t]*```[\w+-]{0,20}[ \t\r]*(?:\n|$)", re.MULTILINE)  # and the marks of blocks
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")  # out
_DISPLAY = re.compile(r"\\(begin|end)\{(?:equation|align|gather|displaymath)\*?\}")
_STATEMENT = re.compile(r"\\f?(?:rame)?box|####|\banswers?\b[^.\n]{0,60}?(?:\bis\b|\bare\b|:|=)", re.IGNORECASE)


def final_answer(
    text: str, extract: Extract = "stated", think: bool = False, denied: bool = False, one_box: bool = False, cut_off: bool = False
) -> str | None:
    """The final answer as it is written, or None when there is none.

    Args:
        text: a response, or what a parser found in it.
        extract: where an answer may stand: in a box; also where it is stated ("The answer is ...", `#### ...`, bold, "So we get ..." at the
            end, or all of a short text); also, failing that, the last formula or number of the text.
        think: whether what is before `</think>` counts.
        denied: whether an answer counts that is denied in words ("the answer is not 42").
        one_box: whether a response with different boxes has no answer; otherwise the last box is the answer.
        cut_off: whether a box counts that the text ends in, before its brace, as a reference's may.
    """
    if not think:
        head, end, tail = text.rpartition("</think>")
        if end:
            text = tail
        elif "<think>" in text:
            return None  # still thinking when the text ended
    if "</answer>" in text and (tagged := _ANSWER.parse(text)) is not None:
        text = tagged
    boxes = boxes_in(text)
    if boxes:
        if one_box and len({box.content for box in boxes}) > 1:
            return None
        return statements.stated_after(text, boxes[-1].end) or answer_in(boxes, text, denied, cut_off)
    if extract == "boxed":
        return None
    text = _INLINE_CODE.sub(r"\1", in_english(text.replace("：", ":")))
    text = _STRUCK.sub(" ", text) if "~~" in text else text
    text = _DISPLAY.sub(lambda mark: "\\[" if mark[1] == "begin" else "\\]", text) if "\\begin" in text else text
    found, refused = statements.stated(text, denied)
    if found is None:
        found = statements.bold(text) or (None if refused else concluded(text, denied)) or statements.short(text)
    return statements.anywhere(text) if found is None and extract == "anywhere" else found


def reference_answer(text: str) -> str:
    """The answer that a reference holds: what it boxes or states where it does, else the reference as it is."""
    if _STATEMENT.search(text) is not None and (found := final_answer(text, think=True, denied=True, cut_off=True)) is not None:
        return found
    return text.strip()
