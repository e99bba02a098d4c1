"""The boxes of a response, and the answer that they make together."""

from __future__ import annotations

import re
from typing import NamedTuple

from rl_rewards.scorers.math.denial import is_denied

__all__ = ["Box", "answer_in", "boxes_in"]

_LONGEST = 2000  # characters of a line after a box that is never closed
_BETWEEN = 60  # characters between two boxes of one list

# A command's backslash may be doubled, where the text went through JSON twice.
_BRACE_OR_BOX = re.compile(r"\\{1,2}f(?:rame)?box(?:ed)?\s*\{|\\{1,2}box(?:ed)?(?:\s*\{|\s*(?P<bare>[^\s\\{}$]+))|\\.|[{}]", re.DOTALL)
_ONE_PLAIN_BOX = re.compile(r"\\boxed\{([^{}\\]*)\}")  # most boxes hold a number
_LINE_END = re.compile(r"[\n$]|\\\)|\\\]")
# Between the boxes of a list: a comma or a word that joins, up to four plain words before it (units, "for part (a)"), a name of the next.
_COSMETIC = re.compile(r"\\(?:q?quad|text\s*\{|mathrm\s*\{|[,;:! ()\[\]])|[$}\s~]+|\\\\")
_JOINED = re.compile(
    r"(?:(?: ?(?!(?:no|not|wait|so|thus|hence|is|are|but|answer|actually|instead|rather|then)\b)(?:[a-z]+|\([a-z0-9]\))){0,4}? ?(?:,|;|\.? ?(?:and|or)\b)(?: ?(?:and|or)\b)?)?(?P<name> ?[^,;=.]{1,20}=)? ?\.?",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:^|[\s$(\[,;])((?:[a-zA-Z]|\\[a-zA-Z]+)(?:_(?:\w|\{\w+\}))?'*(?:\([a-zA-Z]\))?)\s*=\s*$")


class Box(NamedTuple):
    """A box, where its command starts and its last brace ends, whether it has one, and whether the text ends before it would."""

    start: int
    end: int
    content: str
    closed: bool = True
    cut_off: bool = False


def boxes_in(text: str) -> list[Box]:
    """The boxes, outermost ones only, in order. A last one that is never closed goes to the end of its line.

    Where that repeats the beginning of the box before it, as a response does that was cut off, it is left out.
    """
    first = text.find("box")
    if first < 0:
        return []
    plain = _ONE_PLAIN_BOX.match(text, first - 1) if first else None
    if plain is not None and text.find("box", plain.end()) < 0:
        return [Box(plain.start(), plain.end(), plain[1].strip())] if plain[1].strip() else []
    boxes: list[Box] = []
    open_boxes: list[tuple[int, int] | None] = []  # what each open brace opened: a box (where its command and its content start) or nothing
    boxed = 0  # how many boxes are open
    for match in _BRACE_OR_BOX.finditer(text, max(0, first - 8)):
        token = match[0]
        if token == "{":
            open_boxes.append(None)
        elif token == "}":
            if open_boxes and (box := open_boxes.pop()) is not None:
                boxed -= 1
                if not boxed:
                    boxes.append(Box(box[0], match.end(), _content(text[box[1] : match.start()])))
        elif token.endswith("{") and len(token) > 2:
            open_boxes.append((match.start(), match.end()))
            boxed += 1
        elif match["bare"] and not boxed:
            boxes.append(Box(match.start(), match.end(), match["bare"].rstrip(".,;")))
    unclosed = next((box for box in open_boxes if box is not None), None)
    if unclosed is not None and not (boxes and boxes[-1].start > unclosed[0]):
        line = _LINE_END.split(text[unclosed[1] : unclosed[1] + _LONGEST], maxsplit=1)[0]
        end = unclosed[1] + len(line)
        cut_off = Box(unclosed[0], end, _content(line), closed=False, cut_off=not text[end:].strip())
        if not (boxes and boxes[-1].content.startswith(cut_off.content)):
            boxes.append(cut_off)
    return [box for box in boxes if box.content]


def answer_in(boxes: list[Box], text: str, denied: bool, cut_off: bool = False) -> str | None:
    """The last box that is not denied, with the boxes before it whose list it ends ("\\boxed{2} or \\boxed{3}"), with their names if they have any.

    None where the text ends inside the box, unless `cut_off` says that it counts: `\\boxed{7` may be the beginning of 75. None, too, where another
    box precedes one that is never closed: which of the two answers it would have been cannot be said.
    """
    if not denied:
        boxes = [box for box in boxes if not is_denied(text, box.start, box.end)]
    if boxes and boxes[-1].cut_off and not cut_off:
        return None
    if len(boxes) < 2:
        return boxes[0].content if boxes else None
    if not boxes[-1].closed:
        return None
    joined = [boxes[-1]]
    for earlier, later in zip(boxes[-2::-1], boxes[:0:-1]):
        if not _is_joined(text[earlier.end : later.start]):
            break
        joined.insert(0, earlier)
    if len({box.content for box in joined}) == 1:
        return joined[-1].content
    answers = [name + box.content if "=" not in box.content else box.content for box in joined for name in [_name_before(text, box)]]
    return ("; " if re.search(r"\bor\b", text[joined[0].end : joined[-1].start]) else ", ").join(answers)


def _is_joined(between: str) -> bool:
    if len(between) > _BETWEEN:
        return False
    plain = " ".join(_COSMETIC.sub(" ", between).split())
    return _JOINED.fullmatch(plain) is not None


def _name_before(text: str, box: Box) -> str:
    name = _NAME.search(text[max(0, box.start - 24) : box.start])
    return f"{name[1]}=" if name is not None else ""


def _content(content: str) -> str:
    """What a box holds, without the commands and braces of boxes in it."""
    if "box" not in content:
        return content.strip()
    kept, start, opened = [], 0, []  # which of the open braces are those of boxes
    for match in _BRACE_OR_BOX.finditer(content):
        token = match[0]
        is_box = token.endswith("{") and len(token) > 2
        if token == "{" or is_box:
            opened.append(is_box)
        if is_box or (token == "}" and opened and opened.pop()):
            kept.append(content[start : match.start()])
            start = match.end()
    return "".join([*kept, content[start:]]).strip()
