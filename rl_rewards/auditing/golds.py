"""Right answers of the rows' own references, and wrong ones: right answers of other rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import Any

from rl_rewards.auditing.programs import looks_like_program
from rl_rewards.references import is_whole_float

__all__ = [
    "calls_in",
    "extractions",
    "is_apart",
    "is_code",
    "keys_of",
    "most_alike",
    "number_in",
    "plain_letters",
    "text_form",
    "written_calls",
    "wrong_for",
    "wrongs_for",
]

_ALIKE = 0.7  # likeness of two answers that one may be taken for the other, of 1
_SHORTEST = 5  # letters of an answer that another one may be taken for
_BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_LAST_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_QUERY = re.compile(r"(?is)^\s*(?:select|with|insert|update|delete|create)\b.+\b(?:from|into|set|table|values|view|index)\b")
_PATTERN = re.compile(r"\\[dwsDWSb](?![A-Za-z])|\[[^\[\]]+\](?:[+*?]|\{\d)|\(\?[:=!<P]|\.[*+]|^\^.*\$$")
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.S)


def text_form(value: Any) -> str | None:
    """A reference's text as an answer is written: the first of a list, an object as JSON; None where there is nothing."""
    if isinstance(value, (list, tuple)):
        return next((text for item in value if (text := text_form(item)) is not None), None)
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, Mapping):
        return json.dumps({name: item for name, item in value.items() if item is not None}, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value)
    if is_whole_float(value):
        return str(int(value))
    return str(value)


def extractions(value: Any) -> dict[str, str]:
    """What the answer in a reference may be, by how it is found: behind ####, in a box or a tag, as it is, its last number.

    A solution that ends in its answer is no answer of its own: what is marked in it comes first.
    """
    text = text_form(value)
    if text is None or not text.strip():
        return {}
    found = {}
    if calls := calls_in(value):
        found["calls"] = written_calls(calls)
    if "####" in text:
        found["after ####"] = text.rpartition("####")[2].strip()
    if boxes := _BOX.findall(text):
        found["in the box"] = boxes[-1].strip()
    if tagged := _TAGGED.findall(text):
        found["in the tag"] = tagged[-1].strip()
    if listed := _first_of_list(text):
        found["first of the list"] = listed
    found["as it is"] = text
    if isinstance(value, (list, tuple)) and value and not calls:
        found["the list as JSON"] = json.dumps(list(value), ensure_ascii=False, default=str)
        found["the list in a line"] = ", ".join(filter(None, map(text_form, value)))
        if all(isinstance(item, (int, float)) for item in value):
            found["the list in brackets"] = f"({found['the list in a line']})"
    if len(text) > 2 and text.startswith("$") and text.endswith("$"):
        found["without $"] = text.strip("$")
    if len(text) > 24 and len(numbers := _LAST_NUMBER.findall(text)) > 1:
        found["last number"] = numbers[-1].replace(",", "").rstrip(".")
    return {name: answer for name, answer in found.items() if answer}


def calls_in(value: Any) -> list[Any]:
    """The tool calls that a reference is, or that its JSON text is; empty for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    listed = [value] if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else []
    return list(listed) if listed and all(isinstance(call, Mapping) and {"name", "arguments"} <= call.keys() for call in listed) else []


def _first_of_list(text: str) -> str | None:
    """The first item of a list in JSON text; None where there is none that is text or a number."""
    try:
        value = json.loads(text) if text.startswith("[") else None
    except ValueError:
        return None
    return text_form(value[0]) if isinstance(value, list) and value and isinstance(value[0], (str, int, float)) else None


def written_calls(calls: Iterable[Any]) -> str:
    """Tool calls in a response's text, a block each."""
    return "\n".join(f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>" for call in calls)


def number_in(text: str) -> Decimal | None:
    """The number that a text is."""
    plain = text.strip().replace(",", "").removeprefix("$").removesuffix("%")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 30 else None


def is_apart(answer: str, other: str) -> bool:
    """Whether two answers are different, and neither is in the other."""
    a, b = answer.strip().casefold(), other.strip().casefold()
    if not a or not b or a in b or b in a:
        return False
    left, right = number_in(a), number_in(b)
    return left is None or right is None or abs(left - right) > max(Decimal(1), abs(left) / 5)


def wrong_for(golds: Sequence[str | None], row: int) -> str:
    """A wrong answer to a row that is as near to an honest one as can be: another row's right one."""
    gold = golds[row] or ""
    size = len(golds)
    others = [golds[(row + step) % size] for step in range(1, size)]
    found = next((other for other in others if other is not None and is_apart(gold, other)), None)
    if found is not None:
        return found
    found = next((other for other in others if other is not None and other.strip().casefold() != gold.strip().casefold()), None)
    if found is not None and number_in(found) is None:
        return found
    number = number_in(gold)
    if number is not None:
        made = str(number * 3 + 17)
        return made if is_apart(gold, made) else str(number * 7 + 58)
    return found if found is not None else "none of these words"


def wrongs_for(golds: Sequence[str | None], row: int, count: int) -> list[str]:
    """Several different wrong answers to a row."""
    gold, size = golds[row] or "", len(golds)
    found = dict.fromkeys(other for step in range(1, size) if (other := golds[(row + step) % size]) is not None and is_apart(gold, other))
    wrong = list(found)[:count]
    number = number_in(gold)
    for step in range(count - len(wrong)):
        wrong.append(str(number * (step + 3) + 17) if number is not None else f"something else {step + 1}")
    return wrong


def is_code(text: str) -> bool:
    """Whether a text is a query, a program or a regular expression, which is judged by what it does, and may be written in many ways."""
    return bool(_QUERY.search(text) or _PATTERN.search(text)) or looks_like_program(text)


def most_alike(golds: Sequence[str | None], row: int) -> str | None:
    """The other row's right answer that is spelled most like this one's, as "hypotension" is like "hypertension"; None where none is much alike."""
    gold = golds[row] or ""
    plain = plain_letters(gold)
    if number_in(gold) is not None or len(plain) < _SHORTEST:
        return None
    found, likeness = None, _ALIKE
    matcher = SequenceMatcher(b=gold)
    for other in dict.fromkeys(golds):
        if other is None or not is_apart(gold, other) or plain_letters(other) == plain:
            continue
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() > likeness and matcher.quick_ratio() > likeness and (ratio := matcher.ratio()) > likeness:
            found, likeness = other, ratio
    return found


def plain_letters(text: str) -> str:
    """The letters and digits of a text, which is what most comparisons of words look at."""
    return "".join(char for char in re.sub(r"(?i)\b(?:a|an|the)\b", "", text).casefold() if char.isalnum())


def keys_of(text: str) -> list[str]:
    """The keys of an object in JSON text; none for other texts."""
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return []
    return list(value) if isinstance(value, dict) else []
