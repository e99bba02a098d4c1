"""The answer that the last sentence of a text concludes with: "So we get 42.", "Therefore $x = 3$ is the solution."."""

from __future__ import annotations

import re

from rl_rewards.scorers.math.denial import WINDOW, denied_before

__all__ = ["ANY_NUMBER", "FORMULA", "LONGEST", "MATHEMATICS", "at_the_end", "concluded", "content_of"]

LONGEST = 2000  # characters of an expression; longer ones are not read
_SENTENCE = 240  # characters of a sentence that concludes

FORMULA = r"(?s:\$\$((?:[^$\\]|\\.)+)\$\$|\$((?:[^$\\]|\\.)+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\])"
MATHEMATICS = re.compile(FORMULA, re.DOTALL)
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
ANY_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?(?![\w.]?\w)")


def concluded(text: str, denied: bool) -> str | None:
    """What the last sentence says at its end: "So we get 34.", "Therefore $x = 3$ is the solution."

    Of a text of one line any last sentence counts, of a longer one only one that begins as a conclusion does.
    """
    text = _without_residue(text[-2 * LONGEST :].strip())
    line = text.rpartition("\n")[2].strip()
    sentence = _last_sentence(line)
    if len(sentence) > _SENTENCE or not ((line == text.strip() and len(line) <= 2 * _SENTENCE) or _CONCLUSION.match(sentence)):
        return None
    found = at_the_end(sentence)
    if found is None and (counted := _THERE_ARE.search(sentence)) is not None and len(ANY_NUMBER.findall(sentence)) == 1:
        found = counted[1], counted.start(1)
    if found is None:
        return None
    expression, start = found
    if not denied and denied_before(sentence[max(0, start - WINDOW) : start]):
        return None
    return None if re.search(r"\b(?:either|maybe|perhaps|possibly|might|between)\b", sentence, re.IGNORECASE) else expression


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


def at_the_end(sentence: str) -> tuple[str, int] | None:
    """The expression that ends a sentence behind a verb or an equals sign, or that is its only mathematics, and where it starts."""
    formulas = list(MATHEMATICS.finditer(sentence))
    if formulas:
        last = formulas[-1]
        rest = _UNIT.match(sentence, last.end())
        end = last.end() if rest is None or rest["unit"].lower() in _NO_UNITS else rest.end()
        if _CLOSING.fullmatch(sentence, end) and (len(formulas) == 1 or _VERB.search(sentence[: last.start()])):
            return content_of(last) + ("%" if rest is not None and rest["unit"].startswith(("%", "perc", "pct")) else ""), last.start()
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


def content_of(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()
