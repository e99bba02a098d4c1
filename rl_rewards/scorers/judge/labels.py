"""Verdicts in prose: `Clarity: 4/5`, `**Final score:** 4`, `I rate this response 4 out of 5.`, `Yes, because ...`.

A label counts where a clause begins with it, and what is said of it where nothing follows that would change it: a range, another scale, a
condition, a second thought. Lines are looked at one by one with bounded repeats, so time stays linear in the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from rl_rewards.scorers.judge.criteria import label_key
from rl_rewards.scorers.judge.fields import Field, names_of

__all__ = ["Said", "final_labels", "in_sections", "labelled", "lone_value", "plain"]

Said = Iterator[tuple[str, Any, float | None]]
"""What was said of fields: name, words, and the value that they have; None for words that are no allowed answer."""

_NOUN = r"(?:(?:total|evaluation|overall) )?(?:score|rating|verdict|grade|judge?ment|decision|evaluation|assessment|conclusion)"
_FINAL = r"(?:final|revised|updated|corrected|overall)"
_IS = r"(?P<is>\b(?:is|was)\b(?: (?:therefore|thus|hence))?[ \t:,]*)"
_OF = r"(?: (?:of|for|to) (?:this|the|its)(?: (?:response|answer|text|output|completion|candidate|solution|reply)(?:'s \w{1,20})?)?)?"
_TO = rf"{_OF}[ \t\"']*(?:\((?P<note>[^()\n]{{0,60}})\))?[ \t\"']*(?:[:=]+|->|=>|→|(?P<cell>\|)|{_IS})[>]?"
_LIST = r"[ \t]*(?:[-•#>|→]+[ \t]*|\d{1,2}[.)][ \t]+){0,3}[\"'{(\[]{0,3}"
# Where a clause begins: at the start of a line, or behind what ends one.
_CLAUSE = rf"(?:^{_LIST}|(?<=[.,;:!?|({{>→\[])[ \t]*[\"']?|(?<=\bso)[ \t]+|(?<=\bthus)[ \t]+|(?<=\btherefore)[ \t]+|(?<=[\w%]) (?=[\w-]{{1,40}}=))(?:(?:so|thus|therefore|hence)[ ,]+)?(?:the |my |your )?"
_BEFORE = re.compile(
    r"\b(?:initial|initially|first|maximum|max|minimum|highest|lowest|possible|average|mean|perfect|passing|previous|old|other|another|says?|said|claims?"
    r"|writes?|instead|not|never|if|such as|like|scale|reference|expected)\b[^.,;\n]{0,40}$|\b(?:e\.g\b\.?|for example\b|for instance\b|example\b|format\b|form\b)[^.\n]{0,40}$",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"\b(?:if|unless|otherwise|revised|changed|maybe|perhaps|rather|minus|plus|but then|or)\b|\?|[,;][ \t]*\d", re.IGNORECASE)
_MOST = re.compile(
    r"(?:\bout of|\bof|/)[ \t]*(\d{1,9}(?:\.\d{1,9})?)|\bscale\b[^.\n]{0,30}?\d+[ \t]*(?:-|–|to)[ \t]*(\d{1,9})|(\d{1,9})[ -]point scale",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?P<number>[-+]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15}))(?:[ \t]*(?:/|out of(?: a)?(?: possible| maximum of| total of)?|of)[ \t]*(?P<most>\d{1,15}(?:\.\d{1,15})?))?",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?P<number>zero|one|two|three|four|five|six|seven|eight|nine|ten)\b(?P<most>)", re.IGNORECASE)
_REASON = r"(?:because|since|as|due to|given)\b"
_AFTER_NUMBER = re.compile(
    rf"[ \t]*(?:points?|stars?|pts\.?)?[\"')\]}}]{{0,4}}[ \t]*(?:$|[.;!](?=\s|$)|,(?![ \t]*\d)|[-–—]{{1,2}}[ \t](?![ \t]*\d)|:[ \t]|\((?!s\))|\[|\|(?!\d)|<|,?[ \t]*{_REASON}|[\w-]{{1,40}}[ \t]?[:=])",
    re.IGNORECASE,
)
_AFTER_LABEL = re.compile(
    rf"[\"')\]}}]{{0,4}}[ \t]*(?:$|[.;!,](?=\s|$|[\"'}}])|[-–—]{{1,2}}[ \t]|:[ \t]|[(\[]|\||<|,?[ \t]*{_REASON}|[\w-]{{1,40}}=|(?:is better|is the better one|wins)(?=[.!]?$|[ ,]+{_REASON}))",
    re.IGNORECASE,
)
_TURN = re.compile(r"\b(?:but|however|although|though|except|wait|actually|second thought|yet|unless|if|partially|partly|or)\b|\bno,", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?:\bI(?:'d|'ll| would| will| shall)?[ ]+(?:therefore |thus |hereby )?(?:rate|give|assign|award|grade|score)\b|\b(?:deserves|gets|receives|earns|merits|warrants|leads to|results in)\b)"
    r"[^.\n\d]{0,60}?(?=[ (]\d)"
)
_NEEDS = re.compile(
    r"\b(?:if|unless|not|never|cannot|need|needs|to get|initially|at first|someone|others?|similar|tempted|between|almost|nearly)\b|n't\b",
    re.IGNORECASE,
)
_SYMBOLS = re.compile("[*`\u2190-\u2191\u2193-\u21ff\u2600-\u27bf\u2b50\U0001f300-\U0001faff\ufe0f]+")
_QUOTED = re.compile(r"(?:(?<=[\s(])|^)\"([A-Za-z][^\"\n]{0,300}[:=][^\"\n]{0,300})\"(?=[\s.,;)!?]|$)", re.MULTILINE)
_LEAD_IN = re.compile(r"^(?:(?:therefore|thus|so|hence|overall|in conclusion|in summary)\b,? )?(?:(?:it's|it is) (?:a |an )?)?", re.IGNORECASE)
_AS_ASCII = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "：": ":", "＝": "=", "−": "-", "\u00a0": " ", "⁄": "/"})


def plain(text: str, judged: str = "") -> str:
    """A reply's prose without emphasis, emoji and typographic quotes, without what it quotes, and without lines of the judged text."""
    text = _QUOTED.sub(" ", _SYMBOLS.sub(" ", text.translate(_AS_ASCII)))
    lines = text.splitlines()
    if not judged or len([line for line in lines if line.strip()]) < 2:
        return text
    theirs = {_bare(line) for line in plain(judged).splitlines()}
    return "\n".join(line for line in lines if _bare(line) not in theirs)


def _bare(line: str) -> str:
    return line.strip(" \t>\"'")


def final_labels(text: str, fields: Sequence[Field], cut: bool) -> Said:
    """What is marked as final: `Final verdict: yes`, [[4]], \\boxed{4}; of a field by name, or of the only one."""
    for field in fields:
        names = _names(field)
        if len(fields) == 1:
            names = rf"{names}|{_NOUN}"
            for said in re.findall(r"\[\[([^\[\]\n]{1,60})\]\]|\\boxed\{([^{}\n]{1,60})\}|\[RESULT\][ \t:]*([^\[\]\n]{1,60})", text):
                words = next(filter(None, said))
                yield field.name, words, field.value_of(re.sub(r"\\text\{?", "", words))
            names = rf"{names}|(?<=my final )answer"
        yield from _labels(rf"{_FINAL}[ _-](?:{names})(?:[ _-]{_NOUN})?", text, field, cut, strict=True)


def labelled(text: str, fields: Sequence[Field], cut: bool) -> Said:
    """What is said behind a field's name; of the only field also behind `Score`, `Verdict`, and in sentences that rate."""
    for field in fields:
        own = rf"(?:(?:is_)?(?:{_names(field)})(?:[ _-]{_NOUN})?|{_NOUN} (?:for|of) (?:the )?(?:{_names(field)}))"
        said = list(_labels(own, text, field, cut, strict=True))
        if not any(value is not None for _, _, value in said) and len(fields) == 1:
            said += [*_labels(_NOUN, text, field, cut, strict=True), *_sentences(text, field)]
            if not said:
                lines = [line for line in text.splitlines() if line.strip()]
                said = (
                    list(_labels(r"(?:answer|result|output|hence|therefore|thus|overall)", "\n".join({lines[0]: None, lines[-1]: None}), field, cut))
                    if lines
                    else []
                )
        yield from said


def in_sections(text: str, fields: Sequence[Field], cut: bool) -> Said:
    """What is said below headings that are a field's name and nothing else."""
    if len(fields) < 2:
        return
    headings = [(field, re.compile(rf"^{_LIST}(?:{_names(field)})[ \t]*(?:\([^()\n]{{0,60}}\))?[ \t]*:?[ \t]*$", re.IGNORECASE)) for field in fields]
    section: list[str] = []
    owner: Field | None = None
    for line in [*text.splitlines(), None]:
        found = None if line is None else next((field for field, heading in headings if heading.match(line)), None)
        if line is not None and found is None:
            section.append(line)
            continue
        if owner is not None:
            inner = "\n".join(section)
            said = [*final_labels(inner, [owner], cut)] or [*labelled(inner, [owner], cut)] or [*lone_value(inner, [owner], cut)]
            yield from said
        owner, section = found, []


def lone_value(text: str, fields: Sequence[Field], cut: bool) -> Said:
    """What a reply says that answers the only question first, last, or with nothing else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(fields) != 1 or not lines:
        return
    [field] = fields
    if (value := field.value_of(" ".join(lines))) is not None and not (cut and field.bounds is not None):
        yield field.name, lines[0], value
        return
    for line in {lines[0]: None, lines[-1]: None}:
        answer = _LEAD_IN.sub("", re.sub(r"^(?:[-•>][ \t]+)+", "", line.rpartition("? ")[2]))
        if not (cut and line is lines[-1]) and (value := field.value_of(answer)) is not None and label_key(answer) != label_key(field.name):
            yield field.name, line, value
    first = lines[0].lstrip("\"'([")
    if field.bounds is None:
        words = re.match(r"[^.,;:!?\n—–]{1,40}?(?=[ \t\"']*(?:[.,;:!—–(]|[ \t]-[ \t]|[ \t]because\b|$))", first)
        colon = words is not None and first[words.end() :].lstrip(" \"'").startswith(":")
        named = colon and words is not None and ("yes" not in field.values or label_key(words[0]) == label_key(field.name))
        if (
            words is not None
            and not named
            and not _TURN.search(" ".join(lines), words.end())
            and (value := field.value_of(words[0])) is not None
            and len(first) > words.end()
        ):
            yield field.name, words[0], value
        return
    number = _NUMBER.match(first)
    if (
        number is not None
        and (number["most"] or re.match(r"[ \t]*[—–][ \t]*[A-Za-z]|[ \t]-[ \t]+[A-Za-z]", first[number.end() :]))
        and not _TURN.search(first)
    ):
        value = _number(first, field)
        if value is not None:
            yield field.name, number[0], value


def _labels(label: str, text: str, field: Field, cut: bool, strict: bool = False) -> Said:
    """What stands behind each place where a label is. With `strict` what is no allowed answer is reported, too, where it names one."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for found in _behind(label).finditer(line[:2000]):
            if _BEFORE.search(line[: found.start("label")]) or not _of_scale(found["note"] or "", field):
                continue
            said, last = line[found.end() :], number == len(lines) - 1
            if found["cell"]:
                said = said.split("|", 1)[0]
            below = not said.strip(" \t\"'")
            if below:
                said = next((each for each in lines[number + 1 : number + 3] if each.strip()), "")
            value = None if cut and last and field.bounds is not None and re.fullmatch(r"[\s\d./]*", said) else _head(said, field)
            if value is not None:
                yield field.name, said.strip()[:60], value
            elif strict and not below and not found["is"] and _names_an_answer(said[:60], field):
                yield field.name, said.strip()[:60], None
        for found in _in_brackets(label).finditer(line[:2000]):
            value = field.value_of(found["said"])
            if value is not None:
                yield field.name, found["said"], value


def _sentences(text: str, field: Field) -> Said:
    """Sentences such as `I would rate this response 4 out of 5` and `It deserves a score of 4`."""
    if field.bounds is None:
        return
    for found in _SENTENCE.finditer(text):
        before = re.split(r"[.!?]\s|\n", text[max(0, found.start() - 200) : found.start()])[-1]
        rest = text[found.end() : found.end() + 200].split("\n")[0].lstrip(" (")
        if not _NEEDS.search(before) and not _NEEDS.search(found[0]) and not _NEEDS.search(re.split(r"[.!?]\s", rest)[0]):
            value = _number(rest, field)
            if value is not None:
                yield field.name, rest[:40], value


def _head(said: str, field: Field) -> float | None:
    """The value that words begin with, and that nothing behind it changes."""
    said = said.lstrip(" \t\"'([")
    if field.bounds is not None:
        return _number(said, field)
    key = label_key(said[:120])
    for label in sorted(field.values, key=len, reverse=True):
        if key == label or re.match(rf"{re.escape(label)}(?!\w)", key):
            words = re.match(r"[ _-]".join(map(re.escape, label.split())), said, re.IGNORECASE)
            rest = said[words.end() :] if words else "x"
            return field.values[label] if _AFTER_LABEL.match(rest) and not _CHANGED.search(rest) else None
    return None


def _number(said: str, field: Field) -> float | None:
    """The value of the number that words begin with; None where they go on as a range, on another scale, or with a change."""
    found = _NUMBER.match(said) or _WORD.match(said)
    if found is None or field.bounds is None:
        return None
    rest = said[found.end() :]
    sentence = re.split(r"[.!]\s|\||,?[ \t]*\b[A-Za-z_-]{2,40}[ \t]?[:=]", rest)[0]
    if not _AFTER_NUMBER.match(rest) or _CHANGED.search(sentence) or not _of_scale(sentence, field):
        return None
    if found["most"] and float(found["most"]) != field.bounds[1]:
        return None
    return field.value_of(found["number"])


def _of_scale(words: str, field: Field) -> bool:
    """Whether words name no scale, or the field's."""
    if field.bounds is None:
        return True
    mosts = [float(next(filter(None, found))) for found in _MOST.findall(words)]
    if (span := re.fullmatch(r"[^\d]*\d+[ \t]*(?:-|–|to)[ \t]*(\d+)[^\d]*", words)) is not None:
        mosts.append(float(span[1]))
    return all(most == field.bounds[1] for most in mosts)


def _names_an_answer(words: str, field: Field) -> bool:
    if field.bounds is not None:
        return any(character.isdigit() for character in words)
    return any(re.search(rf"\b{re.escape(label)}\b", words, re.IGNORECASE) for label in field.values)


def _names(field: Field) -> str:
    return "|".join(re.escape(name).replace("_", "[ _-]") for name in names_of(field))


@lru_cache(maxsize=1024)
def _behind(label: str) -> re.Pattern[str]:
    return re.compile(rf"{_CLAUSE}(?P<label>{label})(?:{_TO}|[ \t]+(?:-|–|—)[ \t](?P<dash>)|[ \t]+(?=\d[\d.]*[ \t]*/[ \t]*\d))", re.IGNORECASE)


@lru_cache(maxsize=1024)
def _in_brackets(label: str) -> re.Pattern[str]:
    return re.compile(rf"^{_LIST}(?:{label})[ \t]*\((?P<said>[^()\n]{{1,40}})\)[ \t]*$", re.IGNORECASE)
