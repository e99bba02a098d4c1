"""The answer that a text states in words: "The answer is 42", `#### 42`, bold, "So we get 42." at its end, or all of a short text."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.denial import WINDOW, corrected, denied_after, denied_before, is_asked, is_hedged, negation, retracted

__all__ = ["LONGEST", "anywhere", "bold", "concluded", "short", "stated", "stated_after"]

LONGEST = 2000  # characters of an expression; longer ones are not read
_STATEMENTS_READ = 16  # "answer", from the end of the text, before giving up
_SENTENCE = 240  # characters of a sentence that concludes

_FORMULA = r"(?s:\$\$((?:[^$\\]|\\.)+)\$\$|\$((?:[^$\\]|\\.)+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\])"
_MATHEMATICS = re.compile(_FORMULA, re.DOTALL)
_STATED = re.compile(
    rf"answers?(?:\b[^.\n:=$\\]{{0,60}}?(?:\bis|\bare|\bequals|\bbe|\bbecomes|:|=)|\s+[-–—](?=\s+[-+$\\\d(]))(?:\*\*)?\s*:?\s*(?P<rest>[^\n]+)"
    r"|answers?\*{0,2}[ \t]*[:=]?[ \t]*\*{0,2}[ \t]*\n\s*(?P<next>\S[^\n]*)"
    rf"|answer\s+(?P<bare>(?:{_FORMULA}).*)",
    re.IGNORECASE,
)
_SUGGESTED = re.compile(r"\b(?:might|may|could)(?:\s+\w+)?\s+be\W*$", re.IGNORECASE)  # "The answer might be 58"
_BOLD = re.compile(r"(?<![\w)}\]*])\*\*(?=\S)([^*\n]{1,80})\*\*(?!\w)")  # and not x**2+y**2
# An expression in prose: everything but words, where single letters, LaTeX commands, function names and the words that join answers count
# as mathematics. "42 or 43" is one answer, so that guessing twice is no way to be right.
_EXPRESSION = re.compile(
    r"(?:[^A-Za-z\\]|\\[A-Za-z]+(?:\{[^{}]*\})?|\\.|(?<![A-Za-z])(?:[A-Za-z]|sqrt|pi|sin|cos|tan|log|ln|exp|and|or)(?![A-Za-z]))+"
)
_JOIN = re.compile(r"\s*(?P<word>[,;/|&]|and|or|vs\.?)\s*(?P<second>and|or)?\s*")
_TRAILING_JOIN = re.compile(r"(?:\b(?:and|or|a|I)\s*)+$")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_SCALE = re.compile(r"[\s$]*(?:hundred|thousand|million|billion|trillion|dozen)\b", re.IGNORECASE)
_GOES_ON = re.compile(
    r"[\s$]*(?:times|plus|minus|squared|cubed|factorial|(?:multiplied|divided) by|(?:percent |% )?(?:more|less|fewer) than)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
# How a sentence says what its answer is, and words that may follow it.
_VERB = re.compile(
    r"(?:(?:\b|['’])(?:is|are|was|be|s|equals?|becomes?|gets?|got|gives?|yields?|obtains?|has|have|find|found|thus|therefore|hence|so|that|to|by|coordinates are)\b|[=:])"
    r"(?:\s+(?:us|me|you))?(?:\s+(?:exactly|simply|just|equal to|approximately|about|around|only|at most|at least|the interval|the set))?[\s:,*]*$",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"(?:so|thus|therefore|hence|finally|consequently|in conclusion|we (?:get|find|have|obtain)|after \w+|this gives|which gives)\b", re.IGNORECASE
)
_CLOSING = re.compile(
    r"\s*(?:(?:is|as)\s+(?:the|our|my)\s+(?:final\s+)?(?:solution|answer|result)|(?:in total|altogether|in all))?\s*[.!]?\s*", re.IGNORECASE
)
_IS_THE_ANSWER = re.compile(r"\s+is\s+(?:the|our|my)\s+(?:(?:final|correct|right)\s+)?(?:answer|result|solution)\s*[.!]?\s*$", re.IGNORECASE)
_LEADS_TO = re.compile(r"(?:^|[,:=]|\b(?:so|thus|therefore|hence|that))\s*$", re.IGNORECASE)
_UNIT = re.compile(r"\s*(?P<unit>%|°|[a-zA-Z]+)[²³]?(?:\s+[a-zA-Z]+(?=\s*[.!]?\s*$))?")
_NO_UNITS = frozenset("is as in for and or if when where because since".split())
_RESIDUE = re.compile(r"(?:<\|[^|>]{1,30}\|>\w*|</s>|I hope it is correct\.?)\s*$")  # what may follow the last sentence
_TAIL = 80  # characters, from the end, in which that is looked for
_SENTENCE_START = re.compile(r"[.!?]\s+(?=[A-Z$\\])|[ $](?=(?:Therefore|Thus|Hence|So|Consequently)\b)")
_THERE_ARE = re.compile(r"\bthere (?:are|is)(?: exactly| only)? (\d[\d,]*)\b")
_ANY_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?(?![\w.]?\w)")
_ADVERB = re.compile(r"^(?:(?:definitely|certainly|clearly|obviously|simply|just|indeed|therefore|thus|then|actually)\s+)+|(?:exactly|approximately|about|equal to)\s+")
_INTRODUCED = re.compile(r"^(?:the\s+)?(?:final\s+)?answer\s+is\s*:?\s*", re.IGNORECASE)
_EMPHASIS = re.compile(r"([*_]{1,2})([^*_\s](?:[^*_\n]*[^*_\s])?)\1")  # a text that is emphasised as a whole
_ASIDE = re.compile(r"(?:not\s+(?=[-$\d])|in\s|since\s|because\s|from\s|i\.e\.)")  # in parentheses behind an answer: 42 (not 41)
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
        if (mark := rest.strip(" \t\r*")) in ("$$", "\\[") and (display := _MATHEMATICS.match(text, text.index(mark, start))) is not None:
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
            expression += scale[0]  # 58 thousand
        while (instead := retracted(after)) is not None:
            better, after = _expression_in(after[instead.end() :])
            if not instead["link"] and after.lstrip(" $*")[:1] not in ("", ".", "!", ",", ";"):
                break  # "Actually 43 would be too large" takes nothing back
            expression = better
        if expression is None or (not denied and _is_open(text[:place], after)):
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
    return _expression_in(rest)[0] if _MATHEMATICS.match(rest) or _NUMBER.match(rest) else None


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
    formula = _MATHEMATICS.fullmatch(text.rstrip("."))  # on lines of its own or not
    if formula is not None:
        return _formula(formula)
    if "\n" in text:
        return None
    if (emphasised := _EMPHASIS.fullmatch(text.rstrip("."))) is not None:
        return emphasised[2]
    expression = _EXPRESSION.match(text)
    rest = text[expression.end() :] if expression is not None else text
    return text if len(rest.split()) <= 4 and len(rest) <= 60 else None


def concluded(text: str, denied: bool) -> str | None:
    """What the last sentence says at its end: "So we get 34.", "Therefore $x = 3$ is the solution."

    Of a text of one line any last sentence counts, of a longer one only one that begins as a conclusion does.
    """
    text = _without_residue(text[-2 * LONGEST :].strip())
    line = text.rpartition("\n")[2].strip()
    sentence = _last_sentence(line)
    if len(sentence) > _SENTENCE or not ((line == text.strip() and len(line) <= 2 * _SENTENCE) or _CONCLUSION.match(sentence)):
        return None
    found = _at_the_end(sentence)
    if found is None and (counted := _THERE_ARE.search(sentence)) is not None and len(_ANY_NUMBER.findall(sentence)) == 1:
        found = counted[1], counted.start(1)
    if found is None:
        return None
    expression, start = found
    if not denied and denied_before(sentence[max(0, start - WINDOW) : start]):
        return None
    return None if re.search(r"\b(?:either|maybe|perhaps|possibly|might|between)\b", sentence, re.IGNORECASE) else expression


def anywhere(text: str) -> str | None:
    """The last formula of a text, or its last number."""
    tail = text[-LONGEST:]
    last = None
    for last in _MATHEMATICS.finditer(tail):
        pass
    if last is not None:
        return _formula(last)
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
    formula = _MATHEMATICS.match(statement)
    if formula is not None:
        joined, end = [_formula(formula)], formula.end()
        between = ", "
        while (join := _JOIN.match(statement, end)) and (more := _MATHEMATICS.match(statement, join.end())):
            between = "; " if "or" in (join["word"], join["second"]) else "/" if join["word"] == "/" else between
            joined.append(_formula(more))
            end = more.end()
        percent = re.match(r"\s*(?:\\?%|percent\b)", statement[end:])
        return between.join(joined) + ("%" if percent and len(joined) == 1 else ""), statement[end:]
    expression = _EXPRESSION.match(statement)
    if expression is not None:
        end = _SENTENCE_END.search(expression[0])
        found = expression[0][: end.start()] if end else expression[0]
        rest = statement[len(found) :]
        trimmed = _TRAILING_JOIN.sub("", found.strip())
        rest = found[len(found.rstrip()) - len(found.strip()) + len(trimmed) :] + rest if trimmed != found.strip() else rest
        found = trimmed.strip(" *,;:.$")
        if found.endswith("(") and _ASIDE.match(rest) is not None:
            found, rest = found.rstrip(" ("), ""
        if any(char.isalnum() for char in found):
            return found, rest
    end = _SENTENCE_END.search(statement)
    sentence = (statement[: end.start()] if end else statement).strip(" *.")
    stated = _at_the_end(sentence)
    if stated is not None:
        return stated[0], ""
    numbers = _ANY_NUMBER.findall(sentence)
    if len(numbers) == 1 and not _MATHEMATICS.search(sentence) and len(sentence) > 20:
        return numbers[0], ""
    return (sentence, statement[len(sentence) :]) if 0 < len(sentence) <= 60 else (None, "")


def _without_residue(text: str) -> str:
    while (residue := _RESIDUE.search(text, max(0, len(text) - _TAIL))) is not None:
        text = text[: residue.start()].rstrip()
    return text


def _last_sentence(line: str) -> str:
    body = line.rstrip(" .!")
    start = 0
    for match in _SENTENCE_START.finditer(body):
        start = match.end()
    return line[start:]


def _at_the_end(sentence: str) -> tuple[str, int] | None:
    """The expression that ends a sentence behind a verb or an equals sign, or that is its only mathematics, and where it starts."""
    formulas = list(_MATHEMATICS.finditer(sentence))
    if formulas:
        last = formulas[-1]
        rest = _UNIT.match(sentence, last.end())
        end = last.end() if rest is None or rest["unit"].lower() in _NO_UNITS else rest.end()
        if _CLOSING.fullmatch(sentence, end) and (len(formulas) == 1 or _VERB.search(sentence[: last.start()])):
            return _formula(last) + ("%" if rest is not None and rest["unit"].startswith(("%", "perc", "pct")) else ""), last.start()
    if (named := _IS_THE_ANSWER.search(sentence)) is not None:  # "Therefore, 42 is the answer"
        start = _number_at_the_end(sentence[: named.start()])
        return (sentence[start : named.start()].strip(), start) if start is not None and _LEADS_TO.search(sentence[:start]) else None
    start = _number_at_the_end(sentence)
    if start is not None and (sentence[start] in "=:" or _VERB.search(sentence[:start])):
        return sentence[start:].strip(" =:").rstrip(".!"), start
    return None


def _number_at_the_end(sentence: str) -> int | None:
    """Where the terms without letters at the end of a sentence start, a unit behind them left aside."""
    words = [(match.start(), match[0]) for match in re.finditer(r"\S+", sentence)]
    if len(words) > 1 and re.fullmatch(r"(?:%|percent|pct|°|[a-zA-Z]{1,12}[²³]?)[.!]?", words[-1][1]):
        words.pop()
    start = None
    while words and re.fullmatch(r"[^A-Za-z]*[a-zA-Z%°]{0,3}[²³]?[.!]?", words[-1][1]) and not re.fullmatch(r"[A-Za-z.!]+", words[-1][1]):
        start = words.pop()[0]
    return start if start is not None and any(char.isdigit() for char in sentence[start:]) else None


def _formula(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()
