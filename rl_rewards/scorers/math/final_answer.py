"""The final answer in a response: the last box, else the last stated answer, else the whole of a short text.

All of it takes time linear in the text: searches for fixed words, one pass over braces, and patterns on windows of bounded length.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Extract = Literal["boxed", "stated", "anywhere"]

LONGEST = 2000  # characters of an expression; longer ones are not read
_WINDOW = 80  # characters before and after an answer in which a denial is looked for
_STATEMENTS_READ = 16  # "answer", from the end of the text, before giving up

_BRACE_OR_BOX = re.compile(r"\\f?box(?:ed)?(?:\s*\{|\s*(?P<bare>[^\s\\{}$]+))|\\.|[{}]", re.DOTALL)
_ONE_PLAIN_BOX = re.compile(r"\\boxed\{([^{}\\]*)\}")  # most boxes hold a number
_LINE_END = re.compile(r"[\n$]|\\\)|\\\]")
_BETWEEN_BOXES = re.compile(r"[\s$.]*(?:,|;|\band\b|\bor\b|\\text\{\s*(?:and|or)\s*\}|,\s*and\b|,\s*or\b)[\s$]*")
# Words after which an answer is denied, and those that may stand between: "is not equal to the 42".
_DENYING = frozenset("not never neither nor cannot except wrong incorrect false".split())
_DENYING_PAIRS = frozenset({("other", "than"), ("rather", "than"), ("instead", "of")})
_BETWEEN = frozenset("is be equal equals to exactly simply just the answer result value a an".split())
_DENYING_SIGNS = ("\\ne", "\\neq", "\\not=", "\\not =", "≠", "!=")
_DOUBTED = re.compile(r"\b(?:false|wrong|incorrect|untrue|impossible|doubt)\s+(?:that|to)\b[^.;:\n]*$")
_DENIAL = re.compile(r"\W*(?:not|never)\b|n['’]t", re.IGNORECASE)  # at the start of what is stated
_DENIED_AFTER = re.compile(
    r"[\s$*)\]}\\,]*(?:(?:is|was|would be|seems)\s+(?:not\s+(?:the|a|my|correct|right|true|valid|it\b)|wrong|incorrect|false|impossible)"
    r"|(?:is|was)n['’]t\s+(?:the|correct|right|true|valid|it\b)"
    r"|(?:cannot|can['’]t|could not)\s+be\s+(?:the|correct|right|true|valid|it\b))",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"answers?\b[^.\n:=]{0,60}?(?:\bis|\bare|\bequals|\bbe|\bbecomes|:|=)(?:\*\*)?\s*:?\s*(?P<rest>[^\n]+)"
    r"|answer\s*[:=]\s*\n+\s*(?P<next>[^\n]+)",
    re.IGNORECASE,
)
_MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_BOLD = re.compile(r"(?<![\w)}\]*])\*\*(?=\S)([^*\n]{1,80})\*\*(?!\w)")  # and not x**2+y**2
# An expression in prose: everything but words, where single letters, LaTeX commands, function names and the words that join answers count
# as mathematics. "42 or 43" is one answer, so that guessing twice is no way to be right.
_EXPRESSION = re.compile(
    r"(?:[^A-Za-z\\]|\\[A-Za-z]+(?:\{[^{}]*\})?|\\.|(?<![A-Za-z])(?:[A-Za-z]|sqrt|pi|sin|cos|tan|log|ln|exp|and|or)(?![A-Za-z]))+"
)
_JOIN = re.compile(r"\s*(?:,|and|or)\s*(?:and|or)?\s*")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")


class Box(NamedTuple):
    """A box and where its command starts and its last brace ends."""

    start: int
    end: int
    content: str


def final_answer(text: str, extract: Extract = "stated", think: bool = False, denied: bool = False, one_box: bool = False) -> str | None:
    """The final answer as it is written, or None when there is none.

    Args:
        text: a response, or what a parser found in it.
        extract: where an answer may stand: in a box; also where it is stated ("The answer is ...", `#### ...`, bold, or all of a short
            text); also, failing that, the last formula or number of the text.
        think: whether what stands before `</think>` counts.
        denied: whether an answer counts that is denied in words ("the answer is not 42").
        one_box: whether a response with different boxes has no answer; otherwise the last box is the answer.
    """
    if not think:
        head, end, tail = text.rpartition("</think>")
        if end:
            text = tail
        elif "<think>" in text:
            return None  # still thinking when the text ended
    boxes = _boxes(text)
    if boxes:
        if one_box and len({box.content for box in boxes}) > 1:
            return None
        return _last_of(boxes, text, denied)
    if extract == "boxed":
        return None
    found = _stated(text, denied) or _bold(text) or _short(text)
    return _anywhere(text) if found is None and extract == "anywhere" else found


def _boxes(text: str) -> list[Box]:
    """The boxes, outermost ones only, in order. A last one that is never closed goes to the end of its line."""
    first = text.find("box")
    if first < 0:
        return []
    plain = _ONE_PLAIN_BOX.match(text, first - 1) if first else None
    if plain is not None and text.find("box", plain.end()) < 0:
        return [Box(plain.start(), plain.end(), plain[1].strip())] if plain[1].strip() else []
    boxes: list[Box] = []
    open_boxes: list[tuple[int, int] | None] = []  # what each open brace opened: a box (where its command and its content start) or nothing
    boxed = 0  # how many boxes are open
    for match in _BRACE_OR_BOX.finditer(text, max(0, first - 2)):
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
        line = _LINE_END.split(text[unclosed[1] : unclosed[1] + LONGEST], maxsplit=1)[0]
        boxes.append(Box(unclosed[0], unclosed[1] + len(line), _content(line)))
    return [box for box in boxes if box.content]


def _content(content: str) -> str:
    if "box" in content:
        content = content.replace("\\boxed", "").replace("\\fbox", "")  # a box in the box leaves its braces
    return content.strip()


def _last_of(boxes: list[Box], text: str, denied: bool) -> str | None:
    """The last box that is not denied, joined with the boxes before it of which it is the end of a list ("\\boxed{2} or \\boxed{3}")."""
    if not denied:
        boxes = [box for box in boxes if not _is_denied(text, box.start, box.end)]
    if len(boxes) < 2:
        return boxes[0].content if boxes else None
    answer = [boxes[-1].content]
    for earlier, later in zip(boxes[-2::-1], boxes[:0:-1]):
        between = text[earlier.end : later.start]
        if len(between) > 24 or not _BETWEEN_BOXES.fullmatch(between):
            break
        if earlier.content not in answer:
            answer.insert(0, earlier.content)
    return ", ".join(answer)


def _is_denied(text: str, start: int, end: int) -> bool:
    return _denied_by(text[max(0, start - _WINDOW) : start]) or _DENIED_AFTER.match(text, end, end + _WINDOW) is not None


def _denied_by(before: str) -> bool:
    """Whether the words before an answer deny it."""
    before = before.rstrip(" \t\n:$*([{\\").lower()
    if before.endswith(_DENYING_SIGNS):
        return True
    words = before.split()
    while words and words[-1] in _BETWEEN:
        words.pop()
    if words and (words[-1] in _DENYING or words[-1].endswith(("n't", "n’t")) or tuple(words[-2:]) in _DENYING_PAIRS):
        return True
    return (" that" in before or " to" in before) and _DOUBTED.search(before) is not None


def _stated(text: str, denied: bool) -> str | None:
    """What follows the last `####`, or the last "answer is" that is not denied."""
    marked = text.rfind("####")
    if marked >= 0 and (line := text[marked + 4 : marked + LONGEST].strip().split("\n", 1)[0].strip()):
        return line
    lower, end = text.lower(), len(text)
    for _ in range(_STATEMENTS_READ):
        place = lower.rfind("answer", 0, end)
        if place < 0:
            break
        end = place
        match = _STATED.match(text[place : place + LONGEST])
        if match is None:
            continue
        rest = match["rest"] or match["next"]
        start = place + match.start("rest" if match["rest"] else "next")
        denial = _DENIAL.match(rest)
        if not denied and (denial is not None or _denied_by(text[max(0, place - _WINDOW) : start])):
            continue
        rest = rest[denial.end() :] if denial is not None else rest
        expression = _expression_in(rest)
        if expression is None or (not denied and _DENIED_AFTER.match(rest, _end_of(expression, rest))):
            continue
        return expression
    return None


def _bold(text: str) -> str | None:
    """What the last bold words say, when there is mathematics in them."""
    last = None
    for last in _BOLD.finditer(text[-LONGEST:]):
        pass
    return _expression_in(last[1]) if last is not None and any(char.isdigit() or char == "\\" for char in last[1]) else None


def _end_of(expression: str, rest: str) -> int:
    place = rest.find(expression)
    return place + len(expression) if place >= 0 else 0


def _expression_in(statement: str) -> str | None:
    """The mathematics at the start of a statement, or all of a short statement in words."""
    statement = statement.strip().removeprefix("**").strip()
    formula = _MATHEMATICS.match(statement)
    if formula is not None:
        joined = [_formula(formula)]
        end = formula.end()
        while (join := _JOIN.match(statement, end)) and (more := _MATHEMATICS.match(statement, join.end())):
            joined.append(_formula(more))
            end = more.end()
        return ", ".join(joined)
    expression = _EXPRESSION.match(statement)
    if expression is not None:
        end = _SENTENCE_END.search(expression[0])
        found = expression[0][: end.start()] if end else expression[0]
        found = re.sub(r"(?:\b(?:and|or|a|I)\s*)+$", "", found.strip()).strip(" *,;:.")
        if any(char.isalnum() for char in found):
            return found
    end = _SENTENCE_END.search(statement)
    words = (statement[: end.start()] if end else statement).strip(" *.")
    return words if 0 < len(words) <= 60 else None


def _formula(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _short(text: str) -> str | None:
    """The whole text, when it is one line that is an expression or a few words."""
    text = text.strip()
    if not text or "\n" in text or len(text) > LONGEST:
        return None
    formula = _MATHEMATICS.fullmatch(text.rstrip("."))
    if formula is not None:
        return _formula(formula)
    expression = _EXPRESSION.match(text)
    rest = text[expression.end() :] if expression is not None else text
    return text if len(rest.split()) <= 4 and len(rest) <= 60 else None


def _anywhere(text: str) -> str | None:
    tail = text[-LONGEST:]
    last = None
    for last in _MATHEMATICS.finditer(tail):
        pass
    if last is not None:
        return _formula(last)
    for last in _NUMBER.finditer(tail):
        pass
    return last[0].rstrip(",") if last is not None else None
