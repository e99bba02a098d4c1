"""Whether code that pays no right answer would, were the values of a column of another type: text that is compared with a number is never equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl_rewards.auditing.golds import number_in
from rl_rewards.auditing.honest import Honest, plain_forms
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.scoring import Call, Probe
from rl_rewards.auditing.subject import Subject

__all__ = ["other_type"]

_ROWS = 3
_FORMS = 120


def other_type(subject: Subject) -> str | None:
    """What the values of which column must be for right answers to be paid, in words; None where no other type makes them."""
    rewards = [reward for reward in subject.weighted if subject.has_code(reward)]
    names = list(dict.fromkeys(name for reward in rewards for name in subject.read_by(reward) if name in subject.rows[0].columns))
    forms = [subject.honest.form, *plain_forms(subject.rubric, subject.call, subject.codes)[:_FORMS]] if names and not subject.is_costly else []
    for name in names:
        for what, changed in _TYPES.items():
            rows = _changed(subject.rows, name, changed)
            if rows is not None and _is_any_paid(subject, rows, forms):
                return f"{name!r} holds values such as {subject.rows[0].columns[name]!r:.40}, and right answers are paid where they are {what}"
    return None


def _as_number(value: Any) -> Any:
    number = number_in(value) if isinstance(value, str) else None
    return value if number is None else int(number) if number == number.to_integral_value() else float(number)


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: str(value) if isinstance(value, (int, float)) else value,
    "numbers": _as_number,
}


def _changed(rows: Sequence[Row], name: str, change: Callable[[Any], Any]) -> list[Row] | None:
    """The rows with another type of values in a column; None where nothing changes."""
    values = [change(row.columns[name]) for row in rows]
    if all(type(value) is type(row.columns[name]) for value, row in zip(values, rows, strict=True)):
        return None
    return [Row(row.prompt, {**row.columns, name: value}, row.number) for row, value in zip(rows, values, strict=True)]


def _is_any_paid(subject: Subject, rows: Sequence[Row], forms: Sequence[Any]) -> bool:
    """Whether in some form the right answer of every row earns more than a wrong one."""
    call = Call(subject.rubric, rows)
    pairs = []
    for form in forms:
        honest = Honest(form, ())
        texts = [(row, right, honest.wrong(row)) for row in range(min(_ROWS, len(rows))) if (right := honest.right(row)) is not None]
        pairs.append([(Probe(row, right), Probe(row, wrong)) for row, right, wrong in texts])
    every = [probe for found in pairs for pair in found for probe in pair]
    totals = {probe: verdict.total for probe, verdict in zip(every, call.verdicts(every), strict=True)}
    return any(len(found) > 1 and all((totals[right] or 0.0) > (totals[wrong] or 0.0) + 1e-9 for right, wrong in found) for found in pairs)
