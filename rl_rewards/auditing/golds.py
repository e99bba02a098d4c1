"""Right answers, wrong ones and near misses, made of the rows' own references."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import Any

from rl_rewards.auditing.programs import looks_like_program
from rl_rewards.references import is_whole_float

__all__ = [
    "other_value",
    "extractions",
    "is_apart",
    "is_code",
    "joined_answers",
    "keys_of",
    "most_alike",
    "near_misses",
    "near_number",
    "number_in",
    "other_spellings",
    "partial",
    "plain_letters",
    "reordered",
    "text_form",
    "wrong_for",
]

_ALIKE = 0.7  # likeness of two answers that one may be taken for the other, of 1
_ITEM = 5  # words of an item of a list; with more it is a sentence with commas
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


def other_spellings(gold: str) -> dict[str, str]:
    """Other ways to write the same answer: fractions and decimals, thousands separators, capitals."""
    found: dict[str, str] = {}
    number = number_in(gold)
    if number is not None:
        if number == number.to_integral_value():
            whole = int(number)
            if abs(whole) >= 1000:
                found["thousands separators"] = f"{whole}" if "," in gold else f"{whole:,}"
            found["a decimal point"] = f"{whole}.0"
        elif len(str(number)) < 8:
            a, b = number.as_integer_ratio()
            found["a fraction"] = f"{a}/{b}"
    elif match := re.fullmatch(r"\s*(-?\d+)\s*/\s*([1-9]\d*)\s*", gold):
        quotient = Decimal(match[1]) / Decimal(match[2])
        if quotient == round(quotient, 4):
            found["a decimal number"] = str(quotient.normalize())
    elif gold.casefold() != gold.upper() and not gold.startswith(("{", "[")) and "\\" not in gold:
        found["small letters" if gold != gold.lower() else "capitals"] = gold.lower() if gold != gold.lower() else gold.upper()
    return found


def near_misses(gold: str) -> dict[str, str]:
    """Wrong answers that look like the right one, by what is wrong."""
    number = number_in(gold)
    if number is not None:
        step = max(Decimal(1), (abs(number) / 4).to_integral_value())
        near = max(Decimal(1), (abs(number) * 6 / 100).to_integral_value(ROUND_CEILING))
        found = {
            "the number and 6 % more": number + near,
            "a larger number": number + step,
            "a smaller number": number - step,
            "ten times the number": number * 10 + 1,
        }
        if number != 0:
            found["the other sign"] = -number
        if abs(number) <= 4 and number == number.to_integral_value():
            found["a decimal part too many"] = number + (Decimal("0.6") if number >= 0 else Decimal("-0.6"))
        text = {what: f"{value:f}" for what, value in found.items()}
        text["digits before it"] = f"9{gold}" if gold[:1].isdigit() else f"-9{gold.lstrip('+-')}"
        if "." not in gold:  # behind a decimal point they are next to nothing, and within any tolerance
            text["digits behind it"] = f"{gold}7"
        return text
    if gold.startswith(("{", "[", "\\", "<tool_call>")) or len(gold) < 2:
        changed = other_value(gold)
        return {} if changed is None else {"another value in its last field": changed}
    words = gold.split()
    found_text = {"its first letter": gold[0], "words behind it": f"{gold} and everything else", "a denial": f"not {gold}"}
    if len(words) > 2:
        found_text["its first word"] = words[0]
    if is_code(gold):
        return found_text  # another number in it may well do the same on all that it is tried on
    digits = [place for place, char in enumerate(gold) if char in "012345678"][-8:]
    for i, place in enumerate(digits):  # a date of another day, a code of another item
        found_text[f"another digit, {len(digits) - i} from the end"] = f"{gold[:place]}{int(gold[place]) + 1}{gold[place + 1 :]}"
    return found_text


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


def other_value(gold: str) -> str | None:
    """JSON, or a tool call, with another value in the last field that holds text, a number or a truth value; None for other texts."""
    head, mark, rest = gold.rpartition("<tool_call>\n")
    body, closing, tail = rest.partition("\n</tool_call>")
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return f"{head}{mark}{json.dumps(value, ensure_ascii=False)}{closing}{tail}" if _change_last(value) else None


_LISTS = (", ", ",", "; ", "\n", " -> ", " > ", " < ", " | ")


def reordered(text: str) -> str | None:
    """A list in another order: of JSON, of fields of an object in JSON, or in a line with marks between the items; None for other texts."""
    if text.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(text)
        except ValueError:
            return None
        changed = _backwards(value)
        return None if changed == value else json.dumps(changed, ensure_ascii=False)
    if number_in(text) is not None or "\\" in text or "<" in text.replace(" < ", "") or text.rstrip()[-1:] in tuple(".!?"):
        return None  # a number, a formula, marks, a sentence
    mark = next((mark for mark in _LISTS if mark in text), None)
    items = [item.strip() for item in text.split(mark)] if mark else []
    if len(items) < 2 or len(set(items)) < 2 or not all(items) or max(len(item.split()) for item in items) > _ITEM:
        return None
    return mark.join(_backwards(items)) if mark else None


def _backwards(value: Any) -> Any:
    """A list from behind, or begun at its second item where that is the same; lists in the fields of an object likewise."""
    if isinstance(value, dict):
        return {name: _backwards(item) if isinstance(item, list) else item for name, item in value.items()}
    return value if not isinstance(value, list) else value[::-1] if value[::-1] != value else [*value[1:], *value[:1]]


def keys_of(text: str) -> list[str]:
    """The keys of an object in JSON text; none for other texts."""
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return []
    return list(value) if isinstance(value, dict) else []


def _other_text(text: str) -> str:
    """A text with another first digit, or where it has none, with words behind it: a comparison may look at digits alone, or at letters."""
    digit = re.search(r"[1-9]", text)
    return f"{text} or so" if digit is None else f"{text[: digit.start()]}{int(digit[0]) % 9 + 1}{text[digit.end() :]}"


def joined_answers(answers: Sequence[str]) -> str | None:
    """One list, or one object, in JSON text that holds what several do: all items, in each field all texts; None for other texts."""
    try:
        values = [json.loads(text) for text in answers if text.lstrip().startswith(("{", "["))]
    except ValueError:
        return None
    joined = _joined(values) if len(values) > 1 and len({type(value) for value in values}) == 1 else None
    return None if joined is None or joined == values[0] else json.dumps(joined, ensure_ascii=False)


def _joined(values: Sequence[Any]) -> Any:
    if isinstance(values[0], list):
        return [json.loads(item) for item in dict.fromkeys(json.dumps(item) for value in values for item in value)]
    joined = dict(values[0])
    for name, first in values[0].items():
        others = [value[name] for value in values if isinstance(value.get(name), type(first))]
        if isinstance(first, str):
            joined[name] = " ".join(dict.fromkeys(others))
        elif isinstance(first, list):
            joined[name] = _joined(others)
    return joined


def _change_last(value: Any) -> bool:
    """Change the last plain value inside an object or list, in place, numbers by much, as measures may be near; whether there is one."""
    places = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for place in reversed(places):
        held = value[place]
        if isinstance(held, (dict, list)):
            if _change_last(held):
                return True
        elif held not in (None, ""):  # an empty remark is no answer
            value[place] = not held if isinstance(held, bool) else _other_text(held) if isinstance(held, str) else held * 3 + 17
            return True
    return False


def near_number(gold: str) -> str | None:
    """A number a tenth away, which only a reward that pays by distance pays in part; None for other texts."""
    number = number_in(gold)
    return None if not number else f"{number + max(Decimal(1), (abs(number) / 10).to_integral_value()):f}"


def partial(gold: str) -> str | None:
    """Half of an answer, which only a graded reward pays in part; None where it has no half."""
    if gold.startswith("{"):
        try:
            value = json.loads(gold)
        except ValueError:
            return None
        if isinstance(value, dict) and len(value) > 1:
            return json.dumps(dict(list(value.items())[: len(value) // 2]), ensure_ascii=False)
        return None
    words = gold.split()
    if len(words) > 1:
        return " ".join(words[: (len(words) + 1) // 2])
    return gold[: len(gold) // 2] if len(gold) > 3 and number_in(gold) is None else None
