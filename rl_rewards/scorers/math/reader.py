"""The reader: a canonical text, of an answer or of a reference, becomes a value. What it cannot read whole is an expression, for the algebra."""

from __future__ import annotations

import re
from functools import lru_cache

from rl_rewards.scorers.math import relations
from rl_rewards.scorers.math.brackets import enclosed, split
from rl_rewards.scorers.math.number import is_list_too, read_number, split_unit
from rl_rewards.scorers.math.values import (
    Bracketed,
    Cases,
    Choice,
    Collection,
    Expression,
    Matrix,
    Named,
    Number,
    Ratio,
    Readings,
    Record,
    Value,
    Words,
)

__all__ = ["is_prose", "letters", "read", "spelled"]

_WORDS = re.compile(r"(?!-)(?:\\text\{[^{}\\]*\}|[a-zA-Z .:'’?-])+")
_TEXT = re.compile(r"\\text\{([^{}]*[,;][^{}]*)\}")
_CHOICE = re.compile(
    r"(?:\\text\{)?\(?([A-J])\)?\}?(?:[.:)]\}?(?:[a-zA-Z\\]{2}|-?\d).*|(?<=\))\}?(?:\\text\{.*|-?\d.*))?", re.DOTALL
)  # A, (A), A.Paris
_ENVIRONMENT = re.compile(
    r"\(?\\begin\{(?P<name>[pbvBV]?(?:small)?matrix|array|cases|dcases|rcases|aligned)\*?\}(?P<body>.*)\\end\{(?P=name)\*?\}\)?", re.DOTALL
)
_COLUMNS = re.compile(r"\{[lcr|]+\}")
_CONDITION = re.compile(r",?(?:\\text\{(?:if|for|when|where)?,?\}|(?<![a-zA-Z])(?:if|for|when|where)(?=[a-zA-Z\\\d]))")
_OTHERWISE = re.compile(r",?(?:\\text\{(?:otherwise|else)[^{}]*\}|otherwise|else)$", re.IGNORECASE)
_SIGNS = re.compile(r"\\(?:pm|mp)(?![a-zA-Z]) ?")
_SET_BUILDER = re.compile(r"[a-zA-Z](?:\\in\\mathbb\{R\})?[|:]")
_RATIO = re.compile(r"[^:=<>]+(?::[^:=<>]+)+")
_UNIONS = ("\\cup", "\\cap", "\\setminus")
_DEEPEST = 12  # brackets within brackets that are read; algebra has a limit of its own
_SIGNS_READ = 4  # plus-minus signs that are expanded independently
_PROSE = re.compile(r"[a-zA-Z,.'’]{15}")
_COMMAND = re.compile(r"\\[a-zA-Z]+(?:\{[a-zA-Z]*\})?|\{[a-zA-Z]*\}")
_SENTENCE = re.compile(r"[.?!](?=[^.}])")


@lru_cache(maxsize=16384)
def read(text: str, depth: int = 0) -> Value:
    """The value of a canonical text, read to its last character."""
    if (number := read_number(text)) is not None:
        return _with_list(number, depth)
    if (choice := _CHOICE.fullmatch(text)) is not None:
        return Choice(text, choice[1])
    if (listed := _TEXT.fullmatch(text)) is not None:
        return read(listed[1], depth + 1)
    if _are_words(text):
        return Words(text, letters(text))
    if depth > _DEEPEST:
        return Expression(text)
    if text[:1] == "]" or text[-1:] == "[":  # ]0,1[ is how some countries write (0,1)
        text = f"{'(' if text[0] == ']' else text[0]}{text[1:-1]}{')' if text[-1] == '[' else text[-1]}"
    try:
        return _list(text, depth) or _single(text, depth)
    except ValueError:  # brackets that do not match
        return Expression(text)


def letters(text: str) -> str:
    """The letters and digits of a text in lower case."""
    return "".join(char for char in text.replace("\\text", "").casefold() if char.isalnum())


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


def spelled(text: str) -> str:
    """A canonical text without what prose may differ in: case, full stops, commas, \\text."""
    return re.sub(r"\\text|[{}., ]", "", text.casefold())


def _with_list(number: Number, depth: int) -> Value:
    if not is_list_too(number) or number.text.startswith("-0"):
        return number
    items = tuple(read(part, depth + 1) for part in number.text.split(","))
    return Readings(number.text, (number, Collection(number.text, items)))


def _are_words(text: str) -> bool:
    """Whether a canonical text is words and no product of variables: \\text{...}, or four letters or more; one sentence."""
    if _WORDS.fullmatch(text) is None or _SENTENCE.search(text) is not None:
        return False
    return "\\text" in text or (len(letters(text)) >= 4 and not all(len(part) < 3 for part in re.split(r"[^a-zA-Z]+", text)))


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
    return _named_list(text, items)


def _group(text: str, depth: int) -> Value | None:
    """The items of a group, None when it has no comma."""
    parts = _parts(text)
    if len(parts) < 2:
        return None
    return _named_list(text, [item for part in parts for item in _spread(read(part, depth + 1))])


def _parts(text: str) -> list[str]:
    """The parts between commas; where some commas have a space between digits behind them, those without belong to numbers."""
    if ", " not in text:
        return split(text, ",")
    marked = re.sub(r"(?<![\d,])(\d{1,3}(?:,\d{3})+)(?!\d|,\d)", lambda number: number[1].replace(",", "\1"), text)
    return [part.replace("\1", ",") for part in split(marked, ",")]


def _spread(value: Value) -> tuple[Value, ...]:
    """The values that a plus-minus in an item of a list stands for."""
    return value.items if isinstance(value, Collection) and not value.braces else (value,)


def _is_interval(value: Value) -> bool:
    if not isinstance(value, Bracketed) or len(value.items) != 2:
        return False
    return "[" in value.opening or "]" in value.closing or any("\\infty" in item.text for item in value.items)


def _named_list(text: str, items: list[Value]) -> Value:
    """A list of values; where they have names, a record of them, or the several values of one name."""
    if not any(isinstance(item, Named) for item in items):
        return Collection(text, tuple(items))
    if not isinstance(items[0], Named) or not all(isinstance(item, Named) or _is_plain(item) for item in items):
        return Collection(text, tuple(items))
    fields: list[tuple[str, list[Value]]] = []
    for item in items:
        if not isinstance(item, Named):
            fields[-1][1].append(item)  # x=1, -3: another value of x
        elif fields and fields[-1][0] == item.name:
            fields[-1][1].extend(_spread(item.value))
        else:
            fields.append((item.name, list(_spread(item.value))))
    names = list(dict.fromkeys(name for name, _ in fields))
    values = [Named(f"{name}={several[0].text}" if len(several) == 1 else text, name, _one_or_several(text, several)) for name, several in fields]
    if len(names) == 1:
        return Named(text, names[0], _one_or_several(text, [value for _, several in fields for value in several]))
    if len(fields) == len(names):
        return Record(text, tuple(values))
    if len(fields) % len(names) == 0 and all(name == names[place % len(names)] for place, (name, _) in enumerate(fields)):
        starts = range(0, len(values), len(names))
        return Collection(text, tuple(Record(text, tuple(values[start : start + len(names)])) for start in starts))
    return Collection(text, tuple(items))


def _is_plain(value: Value) -> bool:
    return isinstance(value, (Number, Bracketed, Readings)) or (isinstance(value, Expression) and "_" not in value.text)


def _one_or_several(text: str, values: list[Value]) -> Value:
    return values[0] if len(values) == 1 else Collection(text, tuple(values))


# One value.


def _single(text: str, depth: int) -> Value:
    if (bare := enclosed(text)) is not None and not text.startswith("{\\"):
        return _bracketed(text, *bare, depth)
    if (environment := _ENVIRONMENT.fullmatch(text)) is not None and text.count("\\begin") == 1:
        return _environment(text, environment["name"], environment["body"], depth)
    if (relation := relations.read(text, lambda part: read(part, depth + 1))) is not None:
        return relation
    if _RATIO.fullmatch(text) and len(terms := split(text, ":")) > 1:
        return Ratio(text, tuple(read(term, depth + 1) for term in terms))
    if _SIGNS.search(text):
        return _both_signs(text, depth)
    body, unit = split_unit(text, words=False)
    if unit and body != text and not any(sign in body for sign in _UNIONS):
        return Expression(text.removeprefix("+"), unit)
    return Expression(text.removeprefix("+"))


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
        return Collection(text, tuple(item for part in parts for item in _spread(read(part, depth + 1))), braces=opening == "\\{")
    if len(parts) < 2:
        inner = read(parts[0], depth + 1) if parts else Expression(text)
        return Expression(content) if isinstance(inner, Expression) else inner
    return Bracketed(text, tuple(read(part, depth + 1) for part in parts), opening, closing)


def _environment(text: str, name: str, body: str, depth: int) -> Value:
    rows = [row.split("&") for row in body.split("\\\\") if row.strip()]
    if "cases" in name or name == "aligned":
        return _cases(text, rows, depth)
    if name == "vmatrix":
        return Expression(text)  # a determinant
    if name == "array":
        rows = [[_COLUMNS.sub("", row[0]) if not number else row[0], *row[1:]] for number, row in enumerate(rows)]
    return Matrix(text, tuple(tuple(read(cell.strip(), depth + 1) for cell in row) for row in rows))


def _cases(text: str, rows: list[list[str]], depth: int) -> Value:
    """A piecewise definition, or a system of equations where no row has a condition."""
    read_rows = [_case("&".join(row), depth) for row in rows]
    if all(condition is None for _, condition in read_rows):
        return _named_list(text, [value for value, _ in read_rows])
    return Cases(text, tuple(read_rows))


def _case(row: str, depth: int) -> tuple[Value, Value | None]:
    row = row.rstrip(",;. ")
    value, joint, condition = row.partition("&")
    if not joint:
        match = _CONDITION.search(row)
        value, condition = (row[: match.start()], row[match.end() :]) if match is not None else (row, "")
    value, condition = value.rstrip(",; "), _CONDITION.sub("", condition.strip(",; "), count=1).strip(",; ")
    if _OTHERWISE.fullmatch(condition) or ((match := _OTHERWISE.search(value)) is not None and (value := value[: match.start()])):
        condition = "otherwise"
    return read(value, depth + 1), read(condition, depth + 1) if condition else None


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
