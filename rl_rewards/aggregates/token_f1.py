"""Token-level F1, precision and recall of the parsed answer against a reference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from rl_rewards.aggregates.base import Aggregate, Coverage, Number, Rows, State, configured, without_reference
from rl_rewards.aggregates.intervals import ratio_interval
from rl_rewards.aggregates.problems import share_note
from rl_rewards.aggregates.sums import SumTable
from rl_rewards.aggregates.tokens import overlap, tokens
from rl_rewards.parsers.fields import FieldMask
from rl_rewards.parsers.json_object import load_json
from rl_rewards.references import MissingReferenceError, column_template, text_of
from rl_rewards.types import Sample

__all__ = ["TokenF1"]

# For each problem: rows, sums of F1, precision and recall over them, and the pooled counts: shared, found and gold tokens.
_SUMS = 7


class _Fields:
    """One SumTable for the whole answer, under "", and one for each field; a field's place is its key."""

    def __init__(self) -> None:
        self.tables: dict[str, SumTable] = {}

    def add(self, name: str, keys: list[int], sums: list[tuple[float, ...]]) -> None:
        if name not in self.tables:
            self.tables[name] = SumTable(1, _SUMS)
        self.tables[name].add(np.array(keys, np.uint64)[:, None], np.array(sums, float))

    def merge(self, other: _Fields) -> None:
        for name, table in other.tables.items():
            if name not in self.tables:
                self.tables[name] = SumTable(1, _SUMS)
            self.tables[name].merge(table)


@configured
class TokenF1(Aggregate):
    """Token-level F1, precision and recall of the reward's parsed answer against a reference, as SQuAD has them (1606.05250).

    `f1_mean` is the mean over rows of each row's F1; `f1_pooled` is the F1 of the tokens of all rows together, so that a long answer counts
    for more; so with `precision_` and `recall_`. A response without an answer has no tokens: 0 in every mean, its gold tokens missed in
    every pool. Of several references, in a list, the best one counts.

    A JSON answer (`by_field`) is compared field by field, found by name wherever it is: the row's tokens are those of all fields, and each
    field has numbers of its own, `f1_mean/<field>` (`meta.unit` for one inside `meta`). Fields that only the answer has count against its
    precision.
    """

    reference: str = "answer"
    """The dataset column that holds the reference, or a template such as "{{references.answer}}"."""
    by_field: bool = field(default=False, kw_only=True)
    """Whether answer and reference are JSON objects, or the text of one, that are compared field by field; so with keep or drop."""
    keep: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields to compare, by exact name, with all that is in them; a dot leads into an object (`meta.unit`). Empty: all."""
    drop: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields not to compare, written like `keep` and applied after it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        column_template(self.reference)
        self._mask  # noqa: B018 - a wrong mask fails here

    @property
    def reads_answers(self) -> bool:
        return True

    @cached_property
    def _mask(self) -> FieldMask:
        return FieldMask(self.keep, self.drop)

    @property
    def _objects(self) -> bool:
        return self.by_field or bool(self.keep or self.drop)

    @property
    def columns(self) -> frozenset[str]:
        return column_template(self.reference).columns

    def start(self) -> State:
        return State(Coverage(), _Fields())

    def add(self, state: State, rows: Rows) -> None:
        column = rows.evaluation.columns[self.reward]
        gathered: dict[str, tuple[list[int], list[tuple[float, ...]]]] = {}
        for i in self.scored(state, rows):
            answer, sample = column.answers[i], rows.evaluation.samples[i]
            try:
                counts = self._counts(answer, sample)
            except MissingReferenceError as missing:
                without_reference(state.coverage, column, i, str(missing))
                continue
            for name, (shared, found, gold) in counts.items():
                keys, sums = gathered.setdefault(name, ([], []))
                keys.append(int(rows.problems[i]))
                precision, recall = _share(shared, found), _share(shared, gold)
                sums.append((1.0, _share(2 * shared, found + gold), precision, recall, shared, found, gold))
        for name, (keys, sums) in gathered.items():
            state.sums.add(name, keys, sums)

    def _counts(self, answer: Any, sample: Sample) -> dict[str, tuple[int, int, int]]:
        """Shared, found and gold tokens, of the row under "" and of each field.

        Raises:
            MissingReferenceError: when the row has no reference, or a mask leaves nothing of it.
        """
        reference = column_template(self.reference).value(sample)
        if not self._objects:
            found = tokens(_text(answer))
            golds = [tokens(_text(gold)) for gold in (reference if isinstance(reference, (list, tuple)) else [reference]) if gold is not None]
            if not any(golds):
                raise MissingReferenceError(f"the reference has no tokens: {reference!r:.80}")
            return {
                "": max(((overlap(found, gold), len(found), len(gold)) for gold in golds), key=lambda three: _share(2 * three[0], sum(three[1:])))
            }
        gold, found = self._gold(reference), self._found(answer)
        fields = {}
        for name in dict.fromkeys([*gold, *found]):
            ours, theirs = found.get(name, ()), gold.get(name, ())
            fields[name] = (overlap(ours, theirs), len(ours), len(theirs))
        return {"": tuple(map(sum, zip(*fields.values()))), **fields}  # pyright: ignore[reportReturnType]

    def _gold(self, reference: Any) -> dict[str, tuple[str, ...]]:
        value = _object(reference)
        if not value:
            raise MissingReferenceError(f"the reference must be a JSON object with fields, got {reference!r:.80}")
        kept = self._mask.apply(value)
        if kept is None:
            near = {match[0] for name in self.keep for match in [get_close_matches(name, value, n=1)] if match}
            hint = f"; did you mean {', '.join(map(repr, sorted(near)))}?" if near else ""
            raise MissingReferenceError(
                f"keep {list(self.keep)} and drop {list(self.drop)} leave nothing of the reference, which has {sorted(value)}{hint}"
            )
        return dict(_leaves(kept))

    def _found(self, answer: Any) -> dict[str, tuple[str, ...]]:
        """The answer's fields; none of an answer that is no object."""
        value = _object(answer)
        return dict(_leaves(self._mask.apply(value) or {})) if value else {}

    def numbers(self, state: State) -> list[Number]:
        numbers = []
        for name in ["", *sorted(set(state.sums.tables) - {""})]:
            table = state.sums.tables.get(name)
            sums = np.empty((0, _SUMS)) if table is None else table.rows()[1]
            numbers += list(self._of_table(sums, f"/{name}" if name else "", share_note(0, len(sums), 1, state.coverage)))
        return numbers

    def _of_table(self, sums: np.ndarray, suffix: str, note: str | None) -> Iterator[Number]:
        rows, shared, found, gold = sums[:, 0], sums[:, 4], sums[:, 5], sums[:, 6]
        counted = int(rows.sum())
        ratios: Sequence[tuple[str, np.ndarray, np.ndarray]] = [
            ("f1_mean", sums[:, 1], rows),
            ("f1_pooled", 2 * shared, found + gold),
            ("precision_mean", sums[:, 2], rows),
            ("precision_pooled", shared, found),
            ("recall_mean", sums[:, 3], rows),
            ("recall_pooled", shared, gold),
        ]
        for name, numerators, denominators in ratios:
            value, low, high = ratio_interval(numerators, denominators)
            if value is None and counted:  # no answer has a token: nothing was found, and nothing of it is right
                value = 0.0
            yield Number(name + suffix, value, counted, "rows", low, high, self.direction, note)


def _share(part: float, whole: float) -> float:
    """A share of nothing is 0, as in SQuAD."""
    return part / whole if whole else 0.0


def _text(value: Any) -> str:
    """A leaf as text: None is none, truth values as JSON writes them."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, Mapping, list, tuple)) else text_of(value)


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = load_json(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, Mapping) else None


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """(dotted name, tokens) of every field that is no object; of a list those of all its items."""
    for name, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _leaves(item, f"{path}{name}.")
        elif isinstance(item, (list, tuple)):
            yield f"{path}{name}", tuple(token for each in item for token in tokens(_text(each)))
        else:
            yield f"{path}{name}", tokens(_text(item))
