"""Verdicts in lines of prose: `Clarity: 4/5`, `**Final score:** 4`, `I rate this response 4 out of 5.`, `Yes, because ...`.

A reply is at most 64 KiB, and every pattern here looks at a line with bounded repeats, so time stays linear in the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from rl_rewards.scorers.judge.criteria import label_key
from rl_rewards.scorers.judge.fields import Field, names_of

__all__ = ["final_labels", "labelled", "lone_value"]

_NOUN = r"(?:score|rating|verdict|grade|judge?ment|decision|evaluation|assessment)"
_MARKUP = r"[\s*_\"'`#>]"
_BEFORE = rf"(?m)(?:^|(?<=[\s(,;|*_\"'`{{.]))[-*•#>|\s\d.)]{{0,8}}{_MARKUP}{{0,6}}"
_AFTER = rf"{_MARKUP}{{0,6}}(?:[(\[][^()\[\]\n]{{0,60}}[)\]])?{_MARKUP}{{0,6}}(?:[:=]|\|(?=[^\n]*\|)|->|→|=>|(?:is|was)\b(?=[ \t*_\"'`]{{0,4}}[:\d\"'`*\[])){{1,2}}"
_DASHED = rf"{_MARKUP}{{0,6}}[ \t](?:-|–|—)[ \t]"
_HEDGE = re.compile(
    r"\b(?:if|unless|otherwise|had it|initially|at first|first glance|cannot|can't|not|unable|never|rather than|instead of|down from|up from|almost|nearly"
    r"|between|tempted|considered|perhaps|maybe|might|could|should have)\b|n't\b",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:but|however|although|though|except|wait|actually|on second thought|yet|unless|if|partially|partly|not entirely|not quite)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"([-+]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15}))(?:[ \t]*(?:/|out of|of)[ \t]*(\d{1,15}(?:\.\d{1,15})?))?", re.IGNORECASE)
_GOES_ON = re.compile(r"[.,]?\d|[ \t]*%|[ \t]*(?:-|–|—|to|or|and|->|→|/|~|\^|×|x|\*)[ \t]*[-+]?\d", re.IGNORECASE)
_ENDS = re.compile(r"[ \t]*(?:$|[.,;:!?)\]}\"'*`|<\n]|[-–—]{1,2}[ \t]|\((?!s\))|(?:because|since|as|due|given|and the|the|it|this)\b)", re.IGNORECASE)
_OFFERS = re.compile(r"[ \t]*[\"'*`]{0,3}[ \t]*(?:/|\||,?[ \t]*\bor\b|\band\b)", re.IGNORECASE)

_Said = Iterator[tuple[str, Any, float | None]]


def final_labels(text: str, fields: Sequence[Field], cut: bool) -> _Said:
    """What is marked as final: `Final verdict: yes`, [[4]], \\boxed{4}; of a field by name, or of the only one."""
    for field in fields:
        names = [re.escape(name).replace("_", "[ _-]") for name in names_of(field)]
        if len(fields) == 1:
            names += [_NOUN, "answer", "result"]
            for said in re.findall(r"\[\[([^\[\]\n]{1,60})\]\]|\\boxed\{([^{}\n]{1,60})\}", text):
                words = said[0] or said[1]
                yield field.name, words, field.value_of(re.sub(r"\\text\{?", "", words))
        pattern = rf"{_BEFORE}(?:my |the )?(?:final|revised|updated|corrected|overall)[ _-](?:{'|'.join(names)})(?:[ _-]{_NOUN})?{_AFTER}"
        yield from _after(pattern, text, field, cut, strict=True)


def labelled(text: str, fields: Sequence[Field], cut: bool) -> _Said:
    """What is said behind a field's name; of the only field also behind `Score`, `Verdict`, and in sentences that rate."""
    for field in fields:
        names = "|".join(re.escape(name).replace("_", "[ _-]") for name in names_of(field))
        own = rf"(?:{_NOUN} (?:for|of) )?(?:the )?(?:{names})(?:[ _-]{_NOUN})?"
        said = [
            *_after(rf"{_BEFORE}{own}{_AFTER}", text, field, cut, strict=True),
            *_after(rf"(?m)^{_MARKUP}{{0,6}}[-*•\d.)\s]{{0,8}}{_MARKUP}{{0,6}}{own}{_DASHED}", text, field, cut),
        ]
        said = said or list(
            _after(
                rf"(?m)^{_MARKUP}{{0,6}}[-*•\d.)\s]{{0,8}}{_MARKUP}{{0,6}}{own}{_MARKUP}{{1,6}}\((?=[^()\n]{{1,40}}\){_MARKUP}{{0,6}}$)",
                text,
                field,
                cut,
            )
        )
        if not said and len(fields) == 1:
            said = [*_after(rf"{_BEFORE}(?:my |the )?{_NOUN}{_AFTER}", text, field, cut, strict=True), *_sentences(text, field, cut)]
            said = said or list(_after(rf"{_BEFORE}(?:my |the )?(?:answer|result|overall){_AFTER}", text, field, cut))
        yield from said


def lone_value(text: str, fields: Sequence[Field], cut: bool) -> _Said:
    """What a reply says that answers the only question first, last, or with nothing else."""
    if len(fields) != 1:
        return
    [field] = fields
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return
    if (value := field.value_of(text)) is not None:
        yield field.name, text.strip(), value
        return
    for line in {lines[0], lines[-1]}:
        if (value := field.value_of(line.strip().lstrip("-> "))) is not None and not (cut and line is lines[-1]):
            yield field.name, line.strip(), value
    first = lines[0].lstrip(" \t*_\"'`")
    words = re.match(r"[^.,;:!\n—–]{1,40}?(?=[ \t*_\"'`]*(?:[.,;:!—–]|[ \t]-[ \t]))", first)
    if words is not None and field.bounds is None and not _TURN.search(text, words.end()) and not _HEDGE.search(words[0]):
        value = field.value_of(words[0])
        if value is not None:
            yield field.name, words[0], value
    if field.bounds is not None and (number := _NUMBER.match(first)) is not None and number[2] is not None and not _TURN.search(first, number.end()):
        value, end = _number(first, field)
        if value is not None and end:
            yield field.name, number[0], value


def _sentences(text: str, field: Field, cut: bool) -> _Said:
    """Sentences such as `I would rate this response 4 out of 5` and `It deserves a score of 4`."""
    if field.bounds is None:
        return
    pattern = (
        r"(?:(?:rate|rated|give|gave|assign|assigned|award|deserves|gets|receives|earns|merits)\b[^.\n\d]{0,60}?|\b(?:score|rating|grade) of )"
        r"(?=[*_\"'`]{0,3}\d)"
    )
    for found in re.finditer(pattern, text, re.IGNORECASE):
        before = re.split(r"[.!?]\s|\n", text[max(0, found.start() - 200) : found.start()])[-1]
        rest = text[found.end() : found.end() + 200]
        if _HEDGE.search(before + found[0]) or _HEDGE.search(re.split(r"[.!?]\s|\n", rest)[0]):
            continue
        value, end = _number(rest.lstrip("*_\"'` "), field)
        yield field.name, rest.split("\n")[0][:40], value if end and not (cut and len(rest) < 8) else None


def _after(pattern: str, text: str, field: Field, cut: bool, strict: bool = False) -> _Said:
    """What stands behind each place where a label is; with `strict` words that are no answer are reported, too."""
    for found in _compiled(pattern).finditer(text):
        rest = text[found.end() : found.end() + 200]
        line = rest.split("\n", 1)[0]
        if found[0].rstrip().endswith("|"):  # a cell of a table
            line = line.split("|", 1)[0]
        if not line.strip(" \t*_\"'`"):  # a label above its value
            line = next((each for each in rest.split("\n")[1:3] if each.strip()), "")
        ends_reply = found.end() + len(line) >= len(text)
        value = _head(line, field, cut and ends_reply)
        if value is not None or strict:
            yield field.name, line.strip()[:60], value


def _head(line: str, field: Field, cut: bool) -> float | None:
    """The value that a line begins with."""
    line = re.sub(r"^[ \t*_\"'`\[(]{0,12}", "", line)
    if field.bounds is not None:
        value, end = _number(line, field)
        if value is None or (cut and end >= len(line.rstrip())) or re.search(r"\b(?:if|otherwise|unless)\b", line, re.IGNORECASE):
            return None
        return value
    key = label_key(line[:120])
    for label in sorted(field.values, key=len, reverse=True):
        if key == label or key.startswith(f"{label} ") or re.match(rf"{re.escape(label)}\W", key):
            words = re.match(r"[ _-]".join(map(re.escape, label.split())), line, re.IGNORECASE)
            rest = line[words.end() :] if words else ""
            rest = re.sub(r"^[*_\"'`\])]{1,6}", "", rest)
            if words is None or _OFFERS.match(rest) or not _ENDS.match(rest) or re.search(r"\b(?:if|otherwise|unless)\b", rest, re.IGNORECASE):
                return None
            return field.values[label]
    return None


def _number(text: str, field: Field) -> tuple[float | None, int]:
    """The value of the number that a text begins with, and where it ends; no value where it goes on as a range or another number."""
    found = _NUMBER.match(text.replace("\u2212", "-"))
    if found is None:
        word = re.match(r"[A-Za-z]{3,5}\b", text)
        value = field.value_of(word[0]) if word else None
        return (value, word.end()) if word and value is not None and not _GOES_ON.match(text, word.end()) else (None, 0)
    assert field.bounds is not None
    rest = text[found.end() :]
    if _GOES_ON.match(rest) or (found[2] is not None and float(found[2]) != field.bounds[1]) or re.match(r"[A-Za-z]", rest):
        return None, 0
    return field.value_of(found[1]), found.end()


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
