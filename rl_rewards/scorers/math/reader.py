"""The reader: a canonical text, of an answer or of a reference, becomes a value. What it cannot read whole is an expression, for the algebra."""

from __future__ import annotations

import re
from functools import lru_cache

from rl_rewards.scorers.math import environments, relations
from rl_rewards.scorers.math.brackets import enclosed, split
from rl_rewards.scorers.math.lists import named_list, spread
from rl_rewards.scorers.math.number import is_list_too, lacks_digit, read_number, split_unit
from rl_rewards.scorers.math.values import (
    Bracketed,
    Choice,
    Collection,
    Expression,
    Named,
    Number,
    Ratio,
    Readings,
    Value,
    Words,
)
from rl_rewards.scorers.math.words import letters, read_words, text_within

__all__ = ["is_prose", "read"]

_SIGNS = re.compile(r"\\(?:pm|mp)(?![a-zA-Z]) ?")
_SET_BUILDER = re.compile(r"[a-zA-Z](?:\\in\\mathbb\{R\})?[|:]")
_RATIO = re.compile(r"[^:=<>]+(?::[^:=<>]+)+")
_COEFFICIENT = re.compile(r"(?<![\w})^/.])(\d+)/(\d+)(?=[a-zA-Z(\\])")  # 1/2x is x/2 to some and 1/(2x) to others
_UNIONS = ("\\cup", "\\cap", "\\setminus")
_DEEPEST = 12  # brackets within brackets that are read; algebra has a limit of its own
_SIGNS_READ = 4  # plus-minus signs that are expanded independently
_PROSE = re.compile(r"[a-zA-Z,.'’]{15}")
_COMMAND = re.compile(r"\\[a-zA-Z]+(?:\{[a-zA-Z]*\})?|\{[a-zA-Z]*\}")


@lru_cache(maxsize=16384)
def read(text: str, depth: int = 0) -> Value:
    """The value of a canonical text, read to its last character."""
    if (number := read_number(text)) is not None:
        return _with_list(number, depth)
    if lacks_digit(text):
        return Words(text, letters(text))
    if (within := text_within(text)) is not None and not isinstance(value := read(within, depth + 1), Expression):
        return value
    if (words := read_words(text)) is not None:
        return words
    if depth > _DEEPEST:
        return Expression(text)
    if text[:1] == "]" or text[-1:] == "[":  # ]0,1[ is how some countries write (0,1)
        text = f"{'(' if text[0] == ']' else text[0]}{text[1:-1]}{')' if text[-1] == '[' else text[-1]}"
    try:
        return _list(text, depth) or _single(text, depth)
    except ValueError:  # brackets that do not match
        return Expression(text)


@lru_cache(maxsize=8192)
def is_prose(text: str) -> bool:
    """Whether a canonical text holds sentences that nothing here can read: long runs of letters beside signs, or more than one sentence."""
    if _PROSE.search(_COMMAND.sub("", text)) is None:
        return False
    return not _has_only_words(read(text))


def _has_only_words(value: Value) -> bool:
    if isinstance(value, Readings):
        return any(_has_only_words(one) for one in value.values)
    if isinstance(value, Collection):
        return all(_has_only_words(item) for item in value.items)
    return isinstance(value, (Words, Number, Choice)) or (isinstance(value, Named) and _has_only_words(value.value))


def _with_list(number: Number, depth: int) -> Value:
    if not is_list_too(number) or number.text.startswith("-0"):
        return number
    items = tuple(read(part, depth + 1) for part in number.text.split(","))
    return Readings(number.text, (number, Collection(number.text, items)))


# Several values.


def _list(text: str, depth: int) -> Value | None:
    """A list without brackets: "or" and semicolons separate groups, commas and "and" their items."""
    groups = split(text, ";")
    grouped = [_group(group, depth) for group in groups]
    if len(groups) == 1:
        return grouped[0]
    items: list[Value] = []
    for group, part in zip(grouped, groups, strict=True):
        value = group if group is not None else read(part, depth + 1)
        items.extend(value.items if isinstance(value, Collection) and not value.braces else [value])
    if all(_is_interval(item) for item in items):
        return Expression("\\cup".join(item.text for item in items))
    return named_list(text, items)


def _group(text: str, depth: int) -> Value | None:
    """The items of a group, None when it has no comma."""
    parts = _parts(text)
    if len(parts) < 2:
        return None
    return named_list(text, [item for part in parts for item in spread(read(part, depth + 1))])


def _parts(text: str) -> list[str]:
    """The parts between commas; where some commas have a space between digits behind them, those without belong to numbers."""
    if ", " not in text:
        return split(text, ",")
    marked = re.sub(r"(?<![\d,])(\d{1,3}(?:,\d{3})+)(?!\d|,\d)", lambda number: number[1].replace(",", "\1"), text)
    return [part.replace("\1", ",") for part in split(marked, ",")]


def _is_interval(value: Value) -> bool:
    if not isinstance(value, Bracketed) or len(value.items) != 2:
        return False
    return "[" in value.opening or "]" in value.closing or any("\\infty" in item.text for item in value.items)


# One value.


def _single(text: str, depth: int) -> Value:
    if (bare := enclosed(text)) is not None and not text.startswith("{\\"):
        return _bracketed(text, *bare, depth)
    if (rows := environments.read(text, lambda part: read(part, depth + 1))) is not None:
        return rows
    if (relation := relations.read(text, lambda part: read(part, depth + 1))) is not None:
        return relation
    if _RATIO.fullmatch(text) and len(terms := split(text, ":")) > 1:
        return Ratio(text, tuple(read(term, depth + 1) for term in terms))
    if _SIGNS.search(text):
        return _both_signs(text, depth)
    body, unit = split_unit(text, words=False)
    if unit and body != text and not any(sign in body for sign in _UNIONS):
        return Expression(text.removeprefix("+"), unit)
    expression = Expression(text.removeprefix("+"))
    if _COEFFICIENT.search(text) is None:
        return expression
    return Readings(text, (expression, Expression(_COEFFICIENT.sub(r"\\frac{\1}{\2}", expression.text))))


def _bracketed(text: str, opening: str, content: str, closing: str, depth: int) -> Value:
    if opening == "\\{" and (built := _SET_BUILDER.match(content)) is not None:
        return relations.membership(content[built.end() :]) or Expression(text)
    if "\\pm" in content or "\\mp" in content:
        expanded = _both_signs(text, depth)
        if opening in ("(", "["):
            return expanded
    parts = split(content, ",;")
    if opening in ("\\{", "{"):
        if opening == "{" and len(parts) < 2:
            return read(content, depth + 1) if content else Expression(text)
        values = [item for part in parts for item in spread(read(part, depth + 1))]
        if len(values) > 1 and all(isinstance(value, Named) for value in values):
            return named_list(text, values)
        return Collection(text, tuple(values), braces=opening == "\\{")
    if len(parts) < 2:
        inner = read(parts[0], depth + 1) if parts else Expression(text)
        return Expression(content) if isinstance(inner, Expression) else inner
    return Bracketed(text, tuple(read(part, depth + 1) for part in parts), opening, closing)


def _both_signs(text: str, depth: int) -> Value:
    """The two values that plus-minus stands for; several signs change together, or each by itself where that is another reading."""
    together = [_signed(text, [place] * len(_SIGNS.findall(text))) for place in (0, 1)]
    count = len(_SIGNS.findall(text))
    value = Collection(text, tuple(read(one, depth + 1) for one in dict.fromkeys(together)))
    if not 1 < count <= _SIGNS_READ or "\\mp" in text or "," not in text:
        return value
    each = [_signed(text, [(number >> place) & 1 for place in range(count)]) for number in range(2**count)]
    return Readings(text, (value, Collection(text, tuple(read(one, depth + 1) for one in each))))


def _signed(text: str, choices: list[int]) -> str:
    chosen = iter(choices)

    def sign(match: re.Match[str]) -> str:
        minus = next(chosen) ^ ("mp" in match[0])
        leading = not match.start() or text[match.start() - 1] in "({[,=;"
        return "-" if minus else "" if leading else "+"

    return _SIGNS.sub(sign, text)
