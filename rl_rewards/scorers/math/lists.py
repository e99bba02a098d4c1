"""Lists of values, and what they are where their items have names: a record, or the several values of one name."""

from __future__ import annotations

from rl_rewards.scorers.math.values import Bracketed, Collection, Expression, Named, Number, Readings, Record, Value

__all__ = ["named_list", "spread"]


def spread(value: Value) -> tuple[Value, ...]:
    """The values that a plus-minus in an item of a list stands for."""
    return value.items if isinstance(value, Collection) and not value.braces else (value,)


def named_list(text: str, items: list[Value]) -> Value:
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
            fields[-1][1].extend(spread(item.value))
        else:
            fields.append((item.name, list(spread(item.value))))
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
    between = ";" if ";" in text else ", "
    return values[0] if len(values) == 1 else Collection(between.join(value.text for value in values), tuple(values))
