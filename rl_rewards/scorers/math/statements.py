"""The answer that a text states in words: "The answer is 42", `#### 42`, bold, "So we get 42." at its end, or all of a short text."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.conclusions import ANY_NUMBER, FORMULA, LONGEST, MATHEMATICS, at_the_end, content_of
from rl_rewards.scorers.math.denial import WINDOW, corrected, denied_after, denied_before, is_asked, is_hedged, negation, retracted

__all__ = ["LONGEST", "anywhere", "bold", "short", "stated", "stated_after"]

_STATEMENTS_READ = 16  # "answer", from the end of the text, before giving up

_STATED = re.compile(
    rf"answers?(?:\b[^.\n:=$\\]{{0,60}}?(?:\bis|\bare|\bequals|\bbe|\bbecomes|:|=)|\s+[-–—](?=\s+[-+$\\\d(]))(?:\*\*)?\s*:?\s*(?P<rest>[^\n]+)"
    r"|answers?\*{0,2}[ \t]*[:=]?[ \t]*\*{0,2}[ \t]*\n\s*(?P<next>\S[^\n]*)"
    rf"|answer\s+(?P<bare>(?:{FORMULA}).*)",
    re.IGNORECASE,
)
_SUGGESTED = re.compile(r"\b(?:might|may|could)(?:\s+\w+)?\s+be\W*$", re.IGNORECASE)  # "The answer might be 58"
_BOLD = re.compile(r"(?<![\w)}\]*])\*\*(?=\S)([^*\n]{1,80})\*\*(?!\w)")  # and not x**2+y**2
# An expression in prose: everything but words, where single letters, LaTeX commands, function names and the words that join answers count
# as mathematics. "42 or 43" is one answer, so that guessing twice is no way to be right.
_EXPRESSION = re.compile(
    r"(?:[^A-Za-z\\]|\\[A-Za-z]+(?:\{[^{}]*\})?|\\.|(?<![A-Za-z])(?:[A-Za-z]|sqrt|pi|sin|cos|tan|log|ln|exp|and|or)(?![A-Za-z]))+"
)
_JOIN = re.compile(r"\s*(?P<word>[,;/|&]|and|or|vs\.?)\s*(?P<second>and|or)?\s*(?=[$\\])|\s*(?P<sign>[-+*/=])\s*(?=[$\\\d(])")
_TRAILING_JOIN = re.compile(r"(?:\b(?:and|or|a|I)\s*)+$")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_SCALE = re.compile(r"[\s$]*(?:(?:hundred|thousand|million|billion|trillion|dozen)\b|\(?(?:mod(?:ulo)?|base) ?\d+\)?)", re.IGNORECASE)
_GOES_ON = re.compile(
    r"[\s$]*(?:times|plus|minus|squared|cubed|factorial|choose|(?:multiplied|divided) by|(?:percent |% )?(?:more|less|fewer) than)\b"
    r"|[\s$]*(?:(?:percent|%) of|over|to(?! *\d+ *(?:decimal|significant|places|digits|d\.? ?p|s\.? ?f)))\s+\$?-?\d",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
_ADVERB = re.compile(
    r"^(?:(?:definitely|certainly|clearly|obviously|simply|just|indeed|therefore|thus|then|actually)\s+)+|(?:exactly|approximately|about|equal to)\s+"
)
_INTRODUCED = re.compile(r"^(?:the\s+)?(?:final\s+)?answer\s+is\s*:?\s*", re.IGNORECASE)
_EMPHASIS = re.compile(r"([*_]{1,2})([^*_\s](?:[^*_\n]*[^*_\s])?)\1")  # a text that is emphasised as a whole
_ASIDE = re.compile(
    r"not\s+(?=[-$\d])|(?!(?:not|mod|base|wrong|incorrect|false|maybe|perhaps|possibly|hundred|thousand|million|billion)\b)[a-z]", re.IGNORECASE
)  # 42 (not 41)
# Before a number that is no answer but part of one: "the square root of 42", "one more than 42".
_COMPARED = re.compile(
    r"\b(?:(?:root|square|cube|log|logarithm|half|third|quarter|multiple|factor|power|inverse|reciprocal|double|twice|negative|opposite|digits?|sum|product|difference"
    r"|factorial|percent) of|(?:more|less|fewer|greater|smaller|larger|higher|lower|other|rather) than|after|before|below|above|under|over|plus|minus|times|near)\s*\W?$",
    re.IGNORECASE,
)
_HEADING = re.compile(r"[-#*_\s\d.]*(?:(?:the|my|our)\s+)?(?:final\s+)?", re.IGNORECASE)  # what is before "Answer" in a heading


def stated(text: str, denied: bool) -> tuple[str | None, bool]:
    """What follows the last `####`, or the last "answer is" that is not denied; and whether one was denied or left open."""
    marked = _marked(text)
    if marked is not None:
        return marked, False
    refused = False
    lower, end = text.lower(), len(text)
    for _ in range(_STATEMENTS_READ):
        place = lower.rfind("answer", 0, end)
        if place < 0:
            break
        end = place
        match = _STATED.match(text[place : place + LONGEST])
        if match is None:
            continue
        group = "rest" if match["rest"] else "next" if match["next"] else "bare"
        rest, start = match[group], place + match.start(group)
        if group == "next" and not _HEADING.fullmatch(text, max(text.rfind("\n", 0, place) + 1, place - WINDOW), place) and ":" not in match[0]:
            continue
        if (mark := rest.strip(" \t\r*")) in ("$$", "\\[") and (
            display := MATHEMATICS.match(text, text.index(mark, start), start + LONGEST)
        ) is not None:
            behind = text[display.end() : display.end() + WINDOW].partition("\n\n")[0]
            rest = (text[start : display.end()] + behind).replace("\n", " ")  # on lines of its own
        denial = negation(rest)
        if denial is not None and not denied and denial[0].endswith(("not", "n't", "n’t")) and (better := corrected(rest)) is not None:
            denial, rest = None, better
        if not denied and (
            denial is not None or _SUGGESTED.search(text, place, start) is not None or denied_before(text[max(0, place - WINDOW) : start])
        ):
            refused = True
            continue
        rest = rest[denial.end() :] if denial is not None else rest
        expression, after = _expression_in(rest)
        if expression is not None and (scale := _SCALE.match(after)) is not None:
            expression, after = expression + scale[0], after[scale.end() :]  # 58 thousand, 3 mod 7
        while (instead := retracted(after)) is not None:
            better, after = _expression_in(after[instead.end() :])
            if not instead["link"] and after.lstrip(" $*")[:1] not in ("", ".", "!", ",", ";"):
                break  # "Actually 43 would be too large" takes nothing back
            expression = better
        if expression is None or (not denied and _is_open(text[max(0, place - WINDOW) : place], after)):
            refused = True
            continue
        return expression, False
    return None, refused


def _is_open(before: str, after: str) -> bool:
    """Whether what is around a statement denies it, leaves it open or asks for it."""
    return denied_after(after, 0) or is_hedged(after) or _GOES_ON.match(after) is not None or is_asked(before, after)


def stated_after(text: str, start: int) -> str | None:
    """The formula or number of a "final answer is" behind a place of the text, which is where the last box ends."""
    if len(text) - start < len("final answer is") or (place := text[start:].lower().rfind("final answer")) < 0:
        return None
    place += start
    match = _STATED.match(text[place + 6 : place + LONGEST])
    rest = (match["rest"] or match["bare"] or "").strip(" *") if match is not None else ""
    return _expression_in(rest)[0] if MATHEMATICS.match(rest) or _NUMBER.match(rest) else None


def bold(text: str) -> str | None:
    """What the last bold words say, when there is mathematics in them."""
    last = None
    for last in _BOLD.finditer(text[-LONGEST:]):
        pass
    return _expression_in(last[1])[0] if last is not None and any(char.isdigit() or char == "\\" for char in last[1]) else None


def short(text: str) -> str | None:
    """The whole text, when it is one line that is an expression or a few words."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    formula = MATHEMATICS.fullmatch(text.rstrip("."))  # on lines of its own or not
    if formula is not None:
        return content_of(formula)
    if "\n" in text:
        return None
    if (emphasised := _EMPHASIS.fullmatch(text.rstrip("."))) is not None:
        return emphasised[2]
    expression = _EXPRESSION.match(text)
    rest = text[expression.end() :] if expression is not None else text
    return text if len(rest.split()) <= 4 and len(rest) <= 60 else None


def anywhere(text: str) -> str | None:
    """The last formula of a text, or its last number."""
    tail = text[-LONGEST:]
    last = None
    for last in MATHEMATICS.finditer(tail):
        pass
    if last is not None:
        return content_of(last)
    for last in _NUMBER.finditer(tail):
        pass
    return last[0].rstrip(",") if last is not None else None


def _marked(text: str) -> str | None:
    """The line behind the last `####`, where it is no heading."""
    marked = text.rfind("####")
    if marked < 0:
        return None
    line = _INTRODUCED.sub("", text[marked + 4 : marked + LONGEST].strip().split("\n", 1)[0].strip())
    return line if line and not line.lower().rstrip(":* ").endswith("answer") and "answer:" not in line.lower() else None


def _expression_in(statement: str) -> tuple[str | None, str]:
    """The mathematics at the start of a statement, or all of a short statement in words, and what follows it."""
    statement = _ADVERB.sub("", statement.strip().removeprefix("**").strip())
    formula = MATHEMATICS.match(statement)
    if formula is not None:
        joined, end = [content_of(formula)], formula.end()
        either = False
        while (join := _JOIN.match(statement, end)) and (
            more := MATHEMATICS.match(statement, join.end()) or (join["sign"] and _NUMBER.match(statement, join.end()))
        ):
            either |= "or" in (join["word"], join["second"])
            sign = join["sign"] or ("/" if join["word"] == "/" else ", ")
            if sign == "=" and _NUMBER.fullmatch(joined[-1]):
                break  # 42 = 6 * 7
            joined += [sign, content_of(more) if more.re is MATHEMATICS else more[0]]
            end = more.end()
        percent = re.match(r"\s*(?:\\?%|percent\b)", statement[end:])
        text = "".join("; " if either and part == ", " else part for part in joined)
        return text + ("%" if percent and len(joined) == 1 else ""), statement[end:]
    expression = _EXPRESSION.match(statement)
    if expression is not None:
        end = _SENTENCE_END.search(expression[0])
        found = expression[0][: end.start()] if end else expression[0]
        rest = statement[len(found) :]
        trimmed = _TRAILING_JOIN.sub("", found.strip())
        rest = found[len(found.rstrip()) - len(found.strip()) + len(trimmed) :] + rest if trimmed != found.strip() else rest
        found = _unclosed(trimmed.strip(' *_,;:.$"'))
        if found.endswith("(") and _ASIDE.match(rest) is not None:
            found, rest = found.rstrip(" ("), ""
        if any(char.isalnum() for char in found):
            return found, rest
    end = _SENTENCE_END.search(statement)
    sentence = (statement[: end.start()] if end else statement).strip(" *.")
    stated = at_the_end(sentence)
    if stated is not None:
        return stated[0], ""
    numbers = ANY_NUMBER.findall(sentence)
    if len(numbers) == 1 and not MATHEMATICS.search(sentence) and len(sentence) > 20 and _COMPARED.search(sentence.partition(numbers[0])[0]) is None:
        return numbers[0], ""
    return (sentence, statement[len(sentence) :]) if 0 < len(sentence) <= 60 else (None, "")


def _unclosed(expression: str) -> str:
    """An expression without closing brackets at its end that nothing in it opens, as JSON's are around an answer."""
    while expression.endswith((")", "]", "}")) and sum(map(expression.count, ")]}")) > sum(map(expression.count, "([{")):
        expression = expression[:-1].rstrip(' "')
    return expression
