"""Finds the form of an honest response: the one under which the rows' own right answers earn most."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.auditing.code import Code, scorers_in
from rl_rewards.auditing.cost import is_known_costly
from rl_rewards.auditing.forms import Form, Slot, Source
from rl_rewards.auditing.golds import wrong_for
from rl_rewards.auditing.pattern_samples import FILLER, MARK
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.scoring import Call, Probe
from rl_rewards.auditing.sources import Sources
from rl_rewards.auditing.templates import beginnings, format_names, is_odd, is_thinking_tag, tags_in, tags_of_answer
from rl_rewards.rubric import Rubric

__all__ = ["Honest", "find_form", "least_paid", "plain_forms", "wrong_program"]

_TRIED_ROWS = 5
_COSTLY_ROWS = 2
_TIE = 1e-9
_MOSTLY = 0.75
_FAILED = -1e9  # below any score


@dataclass(frozen=True)
class Honest:
    """The honest form of a rubric, and what answers it is filled with.

    Attributes:
        form: the form that earns most.
        sources: the sources that are in it and depend on the row.
    """

    form: Form
    sources: tuple[Source, ...]

    def right(self, row: int) -> str | None:
        """The honest right response to a row."""
        return self.form.right(row)

    def wrong(self, row: int) -> str:
        """An honest wrong response to a row: the same form, with another row's answers."""
        return self.form.text(lambda source: self.wrong_answer(source, row))

    @staticmethod
    def wrong_answer(source: Source, row: int) -> str:
        """A wrong answer to a row: another row's right one."""
        return wrong_program(source, row) if source.kind == "program" else wrong_for(source.values, row)

    def gold(self, row: int) -> str | None:
        """The row's right answer in the first of the sources."""
        return self.sources[0].values[row] if self.sources else None


def wrong_program(source: Source, row: int) -> str:
    """A program that does something else: another row's."""
    others = [value for i, value in enumerate(source.values) if i != row and value is not None and value != source.values[row]]
    return others[row % len(others)] if others else "print('I do not know')"


def find_form(rubric: Rubric, call: Call, codes: Sequence[Code]) -> Honest:
    """Search the forms that a rubric's parsers and scorers, its code and the prompts suggest, for the one that pays right answers most."""
    rows = call.rows
    prompts = [row.prompt_text for row in rows[:1]]
    texts = [text for code in codes for text in code.texts] + [
        getattr(scorer, "pattern", "") for reward in rubric for scorer in scorers_in(reward.score)
    ]
    texts += [f"<{name}>" for reward in rubric for scorer in scorers_in(reward.score) for name in format_names(scorer)]
    texts += [f"<{name}>" for reward in rubric if isinstance(name := getattr(reward.parse, "name", None), str)]
    is_costly = is_known_costly(rubric, codes)
    search = _Search(call, _tried_rows(rubric, rows)[: _COSTLY_ROWS if is_costly else None], is_costly)
    slots = _shared(rubric, rows, prompts)
    starts = beginnings([*texts, *prompts])
    if any(slot.source.kind == "program" for slot in slots):
        starts = starts[:3]  # programs take long to run, and stand in a fence whatever comes before
    asks_for_thinking = any(map(is_thinking_tag, tags_in([*texts, *prompts])))
    form = search.best(_firsts(slots, starts) if asks_for_thinking or not is_costly else [Form("", (slot,)) for slot in slots])
    form = search.best([form, *_begun(form, starts)])
    for _ in range(3):  # more places for answers, where that earns more
        longer = [Form(form.before, (*form.slots, slot), form.behind) for slot in slots if slot not in form.slots]
        better = search.best([form, *longer]) if longer and not search.is_costly else form
        if better is form:
            break
        form = search.best([better, *_begun(better, starts)])
    sources = tuple(dict.fromkeys(slot.source for slot in form.slots if slot.source.kind != "fixed"))
    return Honest(_split(form), sources)


def _begun(form: Form, starts: Sequence[str]) -> list[Form]:
    """A form with each beginning, but for those in tags that its answer stands in: no thinking stands there."""
    answers = {f"<{name}>" for slot in form.slots for name in tags_of_answer(slot.template)}
    return [form.but(start) for start in starts if not any(tag in start for tag in answers)]


def _split(form: Form) -> Form:
    """The same form, with thinking that its first template holds in what comes before the answer."""
    lead = form.slots[0].template.partition(MARK)[0]
    close = lead.find(">", lead.rfind("</")) + 1 if FILLER in lead and "</" in lead else 0
    if not close:
        return form
    end = close + len(lead[close:]) - len(lead[close:].lstrip())
    first = Slot(form.slots[0].source, form.slots[0].template[end:])
    return Form(form.before + lead[:end], (first, *form.slots[1:]), form.behind)


def least_paid(rubric: Rubric, call: Call, codes: Sequence[Code]) -> list[Form]:
    """The forms in which right answers earn least, the least first: where a sign is wrong, those are the honest ones."""
    search = _Search(call, range(min(1 if is_known_costly(rubric, codes) else 3, len(call.rows))))
    forms = plain_forms(rubric, call, codes)
    earned = search.means(forms)
    return (
        [
            form
            for _, form in sorted(
                (((mean, i), form) for i, (mean, form) in enumerate(zip(earned, forms, strict=True)) if mean > _FAILED / 2), key=lambda pair: pair[0]
            )[:40]
        ]
        if forms
        else []
    )


def plain_forms(rubric: Rubric, call: Call, codes: Sequence[Code]) -> list[Form]:
    """Every form with one place for an answer, bare and behind thinking."""
    return list(_firsts(_shared(rubric, call.rows, [call.rows[0].prompt_text]), beginnings([text for code in codes for text in code.texts])))


def _shared(rubric: Rubric, rows: Sequence[Row], prompts: Sequence[str]) -> list[Slot]:
    """The slots of all rewards; one object makes the sources, so that equal ones are one."""
    sources = Sources(rows, prompts)
    by_reward = [sources.slots(reward) for reward in rubric]
    found = list(dict.fromkeys([*_fields(by_reward), *(slot for slots in by_reward for slot in slots)]))
    return found or [Slot(Source("some text", ["an answer"], "fixed"), MARK)]


def _fields(by_reward: Sequence[Sequence[Slot]]) -> list[Slot]:
    """One JSON object with the answers of all rewards, where each reads a field of its own: a reply cannot hold two objects."""
    marked = f'"{MARK}"'
    fields = [
        slots[0]
        for slots in by_reward
        if slots and slots[0].source.kind == "text" and slots[0].template.startswith("{") and marked in slots[0].template
    ]
    fields = list({slot.template: slot for slot in fields}.values())
    if len(fields) < 2:
        return []
    values: list[str | None] = []
    for row in range(len(fields[0].source.values)):
        known = [json.loads(slot.filled(value)) for slot in fields if (value := slot.source.values[row]) is not None]
        values.append(json.dumps(functools.reduce(_merged, known), ensure_ascii=False) if known else None)
    return [Slot(Source(" + ".join(slot.source.name for slot in fields), tuple(values)), MARK)]


def _merged(a: Any, b: Any) -> Any:
    """An object with the fields of two, those in their objects too."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return b
    return {**a, **{name: _merged(a[name], value) if name in a else value for name, value in b.items()}}


def _firsts(slots: Sequence[Slot], starts: Sequence[str]) -> Iterator[Form]:
    """Every slot alone, bare and behind thinking."""
    tagged = [start for start in starts if start.startswith("<")]
    for slot in slots:
        yield Form("", (slot,))
    for slot in slots:
        yield from _begun(Form("", (slot,)), tagged)[:1] or [Form("", (slot,))]


def _tried_rows(rubric: Rubric, rows: Sequence[Row]) -> list[int]:
    """Rows to try forms on: a few, of every route that the rubric has."""
    routes: dict[tuple[bool, ...], list[int]] = {}
    for i, row in enumerate(rows):
        routes.setdefault(tuple(reward.applies_to(row.columns) for reward in rubric), []).append(i)
    chosen: list[int] = []
    for place in range(_TRIED_ROWS):
        for members in routes.values():
            if place < len(members) and len(chosen) < 2 * _TRIED_ROWS:
                chosen.append(members[place * len(members) // min(_TRIED_ROWS, len(members))])
    return list(dict.fromkeys(chosen))


class _Search:
    """Compares forms by what right answers in them earn, then by how far wrong ones earn less."""

    def __init__(self, call: Call, rows: Sequence[int], is_costly: bool = False) -> None:
        self._call, self._rows = call, rows
        self._known_costly, self._begun = is_costly, False

    @property
    def is_costly(self) -> bool:
        """Whether fewer forms are tried than at first."""
        return self._begun and (self._known_costly or self._call.spending.is_costly)

    def best(self, forms: Iterator[Form] | Sequence[Form]) -> Form:
        """The form that earns most.

        Of equal ones that in which wrong answers earn least, and of these the first that has no odd words before its answer. Where marks around it
        are all that keeps some wrong answers from being paid, the answer alone.
        """
        given = list(dict.fromkeys(forms))
        runs_programs = any(slot.source.kind == "program" for form in given for slot in form.slots)
        rows = self._rows[:2] if self.is_costly or runs_programs else self._rows
        if self.is_costly:
            given = given[:12]
        earned = self.means(given, rows)
        top = max(earned)
        leaders = [form for form, mean in zip(given, earned, strict=True) if mean >= top - _TIE]
        if len(leaders) > 1:
            wrong = self._means(leaders[:24], rows, lambda form, row: Honest(form, ()).wrong(row))
            least = min(wrong)
            plain = [form for form, mean in zip(leaders, wrong) if form.is_bare and least + _TIE < mean <= least + _MOSTLY * (top - least)]
            leaders = plain or [form for form, mean in zip(leaders, wrong) if mean <= least + _TIE]
        self._begun = True
        return min(leaders, key=lambda form: any(is_odd(slot.template) for slot in form.slots))

    def means(self, forms: Sequence[Form], rows: Sequence[int] | None = None) -> list[float]:
        """What right answers earn in each form, on average."""
        return self._means(forms, self._rows if rows is None else rows, lambda form, row: form.right(row))

    def _means(self, forms: Sequence[Form], rows: Sequence[int], text: Callable[[Form, int], str | None]) -> list[float]:
        probes = [(i, Probe(row, found)) for i, form in enumerate(forms) for row in rows if (found := text(form, row)) is not None]
        totals: list[list[float]] = [[] for _ in forms]
        for (i, _), verdict in zip(probes, self._call.verdicts([probe for _, probe in probes]), strict=True):
            totals[i].append(_FAILED if verdict.total is None and verdict.failed else verdict.total or 0.0)
        return [sum(found) / len(found) if found else -1e12 for found in totals]
