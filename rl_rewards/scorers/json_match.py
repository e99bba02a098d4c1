"""JSON objects compared with the reference's object, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.json_text import same_json
from rl_rewards.parsers.fields import FieldMask, masks_of
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import ReferenceScorer
from rl_rewards.scorers.objects import answer_object, reference_object
from rl_rewards.types import EvaluateResult, Outcome, Sample


@configured
class JsonMatch(ReferenceScorer):
    """Scores the share of the reference's fields that the answer has with the same value; one component for each field.

    The reference is an object or the JSON text of one, the answer an object (parser `json`) or JSON text. Fields are found by their exact
    names, wherever they are; lists are equal item by item; text is equal letter by letter; `1`, `true` and `"1"` are three values. The
    score is wrong + share * (correct - wrong). A mask that leaves nothing of the reference is an error, never a full score. A dataset's
    column of objects has null for fields that only other rows have, so objects of different fields are better kept as JSON text.

    Raises:
        ValueError: when a field's name is empty or given twice, or an option is given under both of its names.
    """

    keep: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields to compare, by exact name, with all that is in them; a dot leads into an object (`meta.unit`). Empty: all."""
    drop: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields not to compare, written like `keep` and applied after it."""
    in_mask: tuple[str, ...] = field(default=(), kw_only=True)
    """Another name of `keep`: that of Synalinks."""
    out_mask: tuple[str, ...] = field(default=(), kw_only=True)
    """Another name of `drop`."""
    suffixes: bool = field(default=False, kw_only=True)
    """Whether a name means fields with a number behind it, too (`answer_1`), as concatenated records have them."""
    all_or_nothing: bool = field(default=False, kw_only=True)
    """Whether one wrong field makes the whole answer wrong."""
    extra_fields: bool = field(default=True, kw_only=True)
    """Whether the answer may have fields that the reference has not; otherwise each counts as one more wrong field."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._mask  # noqa: B018 - a wrong mask fails here

    @cached_property
    def _mask(self) -> FieldMask:
        keep, drop = masks_of(self.keep, self.drop, self.in_mask, self.out_mask)
        return FieldMask(keep, drop, self.suffixes)

    def target(self, sample: Sample) -> Mapping[str, Any]:
        """The fields of the reference that are compared."""
        reference = super().target(sample)
        gold = self._mask.apply(_reference_object(reference))
        if gold is None:
            mask = f"keep {list(self.keep or self.in_mask)} and drop {list(self.drop or self.out_mask)}"
            raise MissingReferenceError(f"{mask} leave nothing of the reference {reference!r:.80}")
        return gold

    def score_answer(self, answer: Any, target: Mapping[str, Any], sample: Sample) -> EvaluateResult:
        gold = target
        found = answer_object(answer)
        if found is None:
            return EvaluateResult(self.wrong, "the answer is not a JSON object", outcome=Outcome.UNPARSED)
        found = self._mask.apply(found) or {}
        right = {name: name in found and same_json(found[name], value) for name, value in gold.items()}
        extra = [] if self.extra_fields else [name for name in found if name not in gold]
        share = sum(right.values()) / (len(right) + len(extra))
        if self.all_or_nothing:
            share = float(share == 1.0)
        components = {name or '""': float(is_right) for name, is_right in right.items()}
        wrong = [name for name, is_right in right.items() if not is_right] + extra
        reason = f"wrong: {', '.join(wrong[:10])}" if wrong else None
        return EvaluateResult(self.wrong + share * (self.correct - self.wrong), reason, components)


def _reference_object(reference: Any) -> Mapping[str, Any]:
    found = reference_object(reference)
    if not found:
        raise MissingReferenceError(f"the reference is not a JSON object with fields: {reference!r:.80}")
    return found
