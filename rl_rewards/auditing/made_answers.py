"""Answers made of a right one: spelled otherwise, in another order, nearly right, in part, several in one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from rl_rewards.auditing.golds import is_code, number_in

__all__ = [
    "joined_answers",
    "near_misses",
    "near_number",
    "other_spellings",
    "other_value",
    "partial",
    "reordered",
]

_ITEM = 5  # words of an item of a list; with more it is a sentence with commas
_LISTS = (", ", ",", "; ", "\n", " -> ", " > ", " < ", " | ")


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


def other_value(gold: str) -> str | None:
    """JSON, or a tool call, with another value in the last field that holds text, a number or a truth value; None for other texts."""
    head, mark, rest = gold.rpartition("<tool_call>\n")
    body, closing, tail = rest.partition("\n</tool_call>")
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return f"{head}{mark}{json.dumps(value, ensure_ascii=False)}{closing}{tail}" if _change_last(value) else None


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
