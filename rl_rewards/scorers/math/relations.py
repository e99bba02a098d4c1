"""Reading what is around signs of relation: assignments, chains of equalities, approximations, memberships, equations, inequalities."""

from __future__ import annotations

import re
from collections.abc import Callable

from rl_rewards.scorers.math.brackets import enclosed, split, top_level
from rl_rewards.scorers.math.values import Approximate, Bracketed, Named, Number, Record, Relation, Value

__all__ = ["has_variables", "is_name", "membership", "read", "says_value"]

_SIGNS = frozenset(
    {"=", "<", ">", "\\le", "\\ge", "\\ne", "\\approx", "\\in", "\\equiv", "\\sim", "\\cong", "\\to", "\\mapsto", "\\subset", "\\subseteq"}
)
_LEADING = frozenset({"=", "\\approx", "\\sim", "\\cong"})  # before a value alone: \\approx 3.14
_MODULO = re.compile(r"(?P<residue>.+?)\\pmod\{(?P<modulus>\d+)\}")
_TURNED = {">": "<", "\\ge": "\\le"}
# What a value may have for a name: x, x_{1}', f(2), AB, \text{Area}, \alpha, m_{\max}, |AB|, \angle ABC, \overline{AB}, V_{1}:V_{2}, AB/CD.
_ATOM = r"(?:\\text\{[^{}]*\}(?:[a-zA-Z])?|\\(?:angle|triangle|overline|vec|widehat|overarc|Delta|hat)(?: |\{)*[A-Za-z](?:[A-Za-z ]|_\{\w+\})*\}?|\\[a-zA-Z]+ ?|[a-zA-Z]|[A-Z]{2,4}|\d?[A-Z]{2})"
_SIMPLE = rf"{_ATOM}(?:_\{{[^{{}}]*\}})?'*(?:\^\{{?(?:[*']|-1)\}}?)?(?:\([^()=]{{1,20}}\))?"
_NAME = re.compile(rf"{_SIMPLE}|\|{_SIMPLE}\||{_SIMPLE}(?:[:/]{_SIMPLE})+|\\frac\{{{_SIMPLE}\}}\{{{_SIMPLE}\}}|[Pp]\([^()=]*\)")
_NO_NAME = re.compile(
    r"\\text\{(?:not|never|no|neither|nor)[} ]|\\(?:pi|infty|sqrt|pm|mp|emptyset|mathbb|sin|cos|tan|log|ln|exp|sum|prod|int|lim|cdot|times)(?![a-zA-Z])"
)
_FACTOR = re.compile(r"^-?(?:\d+|\\frac\{\d+\}\{\d+\})?(?:\\cdot |\*)?")
_VARIABLE = re.compile(r"\\(?:pi|infty|frac|sqrt|cdot|times|log|ln|sin|cos|tan|text\{[^{}]*\})(?![a-zA-Z])|\\([a-zA-Z]+)|([a-df-hj-zA-Z])")


def read(text: str, read_part: Callable[[str], Value]) -> Value | None:
    """The relation that a canonical text is at its top level, None when it has no sign of relation there."""
    signs, parts = _cut(text)
    if not signs:
        return _remainder(text, read_part)
    if not parts[0] and parts[1] and len(signs) == 1 and signs[0] in _LEADING:
        return read_part(parts[1])
    if signs == ("<", "<") and parts[0] == "-\\infty" and parts[2].lstrip("+") == "\\infty" and is_name(parts[1]):
        return Named(text, parts[1], read_part("\\mathbb{R}"))
    if signs[0] == "\\in" and len(signs) == 1 and (is_name(parts[0]) or _are_names(parts[0])):
        return Named(text, parts[0], read_part(parts[1]))
    if "\\in" in signs:
        return Relation(text, signs, parts)
    if "\\pmod" in parts[-1] and set(signs) <= {"\\equiv", "="} and (modulo := _MODULO.fullmatch(parts[-1])) is not None:
        return _congruence(text, f"{parts[0]} ", modulo, read_part)
    if signs[-1] == "\\approx":
        first = signs.index("\\approx")
        if any(sign not in ("=", "\\approx") for sign in signs):
            return Relation(text, signs, parts)
        return _approximate(text, signs, parts, first, read_part)
    if any(sign != "=" for sign in signs):
        return _ascending(text, signs, parts)
    return _equalities(text, parts, read_part) or Relation(text, signs, parts)


def membership(condition: str) -> Relation | None:
    """The condition of a set builder as a relation, None when it is something else."""
    parts = [part for part in split(condition, ",") if not re.search(r"\\in\\mathbb\{R\}", part)]
    if len(parts) != 1:
        return None
    signs, terms = _cut(parts[0])
    return Relation(parts[0], signs, terms, builds_set=True) if signs else None


def is_name(text: str) -> bool:
    """Whether a part is what a value may be the value of."""
    return _NAME.fullmatch(text) is not None and not _NO_NAME.match(text)


def _are_names(text: str) -> bool:
    """Whether a text is a point of names: (x,y)."""
    point = enclosed(text)
    return point is not None and len(names := split(point[1], ",;")) > 1 and all(map(is_name, names))


def has_variables(text: str) -> bool:
    return any(match[1] or match[2] for match in _VARIABLE.finditer(text))


def _cut(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    signs, parts, start = [], [], 0
    for place, token in top_level(text):
        if token in _SIGNS:
            signs.append(token)
            parts.append(text[start:place].strip())
            start = place + len(token)
    parts.append(text[start:].strip())
    return tuple(signs), tuple(parts)


def _congruence(text: str, left: str, modulo: re.Match[str], read_part: Callable[[str], Value]) -> Record:
    """n = 9 (mod 4) as the record of what n is modulo 4: 1."""
    residue, modulus = read_part(modulo["residue"]), modulo["modulus"]
    if isinstance(residue, Number) and residue.value.denominator == 1 and int(modulus):
        residue = Number(str(residue.value % int(modulus)), residue.value % int(modulus))
    return Record(text, (Named(text, f"{left}mod {modulus}", residue),))


def _remainder(text: str, read_part: Callable[[str], Value]) -> Record | None:
    """3 (mod 7), where what is congruent to it is not named."""
    modulo = _MODULO.fullmatch(text) if "\\pmod" in text else None
    residue = read_part(modulo["residue"]) if modulo is not None else None
    if modulo is None or not isinstance(residue, Number) or residue.value.denominator != 1:
        return None
    return _congruence(text, "", modulo, read_part)


def _ascending(text: str, signs: tuple[str, ...], parts: tuple[str, ...]) -> Relation:
    """An inequality chain that falls, the other way round: 7 > x > 2 is 2 < x < 7."""
    if len(signs) == 1 or not set(signs) <= set(_TURNED):
        return Relation(text, signs, parts)
    signs, parts = tuple(_TURNED[sign] for sign in reversed(signs)), parts[::-1]
    turned = "".join(f"{part}{sign} " if sign[0] == "\\" else f"{part}{sign}" for part, sign in zip(parts, signs, strict=False)) + parts[-1]
    return Relation(turned, signs, parts)


def _approximate(text: str, signs: tuple[str, ...], parts: tuple[str, ...], first: int, read_part: Callable[[str], Value]) -> Value:
    """x = a \\approx b is the value of x twice; x \\approx b is its value once."""
    exact, rounded = "=".join(parts[: first + 1]), parts[-1]
    if not first and is_name(exact):
        return Named(text, exact, read_part(rounded))
    value = read_part(exact)
    if isinstance(value, Named):
        return Named(text, value.name, Approximate(text, value.value, read_part(rounded)))
    return Approximate(text, value, read_part(rounded))


def _equalities(text: str, parts: tuple[str, ...], read_part: Callable[[str], Value]) -> Value | None:
    """What a chain of equalities says the value of its names is: its last part; None when it is an equation."""
    if not all(parts):
        return None
    if is_name(parts[0]):
        names = [part for part in parts[:-1] if is_name(part)]
        value = read_part(parts[-1])
        if len(names) > 1 and len(names) == len(parts) - 1:
            return Record(text, tuple(Named(f"{name}={parts[-1]}", name, value) for name in names))
        return Named(text, parts[0], value)
    if (several := _tuple_of_names(text, parts, read_part)) is not None:
        return several
    if is_name(parts[-1]):  # the value is on the left: 2=x
        return Named(text, parts[-1], read_part(parts[-2]))
    if not has_variables("".join(parts)):
        return read_part(parts[-1])  # a calculation: 6*7=42
    return None


def says_value(relation: Relation) -> bool:
    """Whether an equation may name what its right side is the value of: a+b=5, and not -x=5 or 2x=5, which have still to be solved."""
    return set(relation.signs) == {"="} and not is_name(_FACTOR.sub("", relation.parts[0]))


def _tuple_of_names(text: str, parts: tuple[str, ...], read_part: Callable[[str], Value]) -> Value | None:
    """(x,y)=(1,2) as the record x=1, y=2."""
    left = enclosed(parts[0])
    if left is None or len(parts) != 2:
        return None
    names = split(left[1], ",;")
    if len(names) < 2 or not all(is_name(name) for name in names):
        return None
    value = read_part(parts[1])
    if isinstance(value, Bracketed) and len(value.items) == len(names):
        return Record(text, tuple(Named(f"{name}={item.text}", name, item) for name, item in zip(names, value.items, strict=True)))
    return Named(text, parts[0], value)
