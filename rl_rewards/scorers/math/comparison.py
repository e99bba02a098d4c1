"""Comparing two values: a small table over their kinds, whose leaves are numbers, words and, for the algebra, expressions.

The same table is used twice: by the caller without algebra, where a leaf that only algebra can decide leaves the verdict open (None), and by
a worker with it.
"""

from __future__ import annotations

import re
from typing import Any

from rl_rewards.scorers.math import compare_names, compare_relations, compare_scalars, compare_several
from rl_rewards.scorers.math.rules import Leaf, Rules
from rl_rewards.scorers.math.three_valued import any_of
from rl_rewards.scorers.math.values import (
    Approximate,
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
    Relation,
    Value,
    Words,
)

__all__ = ["Comparison"]

_ELLIPSIS = re.compile(r"\\[lcd]?dots|\.\.\.")


class Comparison:
    """One comparison of an answer with a reference; `reason` is the more specific one of a "no", where there is one."""

    def __init__(self, rules: Rules, leaf: Leaf) -> None:
        self.rules = rules
        self.reason: str | None = None
        self.leaf = leaf

    def equal(self, reference: Value, answer: Value) -> bool | None:
        """Whether the answer is right; None where algebra must decide."""
        if reference.text == answer.text and not (isinstance(reference, Named) and isinstance(answer, Named)):
            return True
        if isinstance(reference, Readings):
            return any_of(self.equal(value, answer) for value in reference.values)
        if isinstance(answer, Readings):
            return any_of(self.equal(reference, value) for value in answer.values)
        if isinstance(reference, Approximate):
            return any_of(self.equal(value, answer) for value in (reference.exact, reference.rounded))
        if isinstance(answer, Approximate):
            return compare_scalars.approximate(self, reference, answer)
        kinds = type(reference), type(answer)
        compare = _TABLE.get(kinds) or _BY_ANSWER.get(kinds[1]) or _BY_REFERENCE.get(kinds[0]) or _SEVERAL.get(kinds[1]) or compare_scalars.scalars
        return compare(self, reference, answer)

    def algebra(self, r: Value, a: Value) -> bool | None:
        """Whether algebra has the two values equal; what an ellipsis stands for is compared as text alone."""
        if _ELLIPSIS.search(r.text) or _ELLIPSIS.search(a.text):
            self.reason = "what an ellipsis stands for is compared as text"
            return False
        return self.leaf(r, a, self.rules.decimals)


_TABLE: dict[tuple[type, type], Any] = {
    (Named, Named): compare_names.both_named,
    (Named, Record): compare_names.named_and_record,
    (Named, Relation): compare_names.named_and_relation,
    (Relation, Named): compare_names.relation_and_named,
    (Relation, Relation): compare_relations.relations,
    (Record, Record): compare_names.records,
    (Record, Named): compare_names.record_and_named,
    (Number, Record): compare_names.number_and_record,
    (Record, Collection): compare_names.record_and_items,
    (Record, Bracketed): compare_names.record_and_items,
    (Bracketed, Record): compare_names.bracketed_and_record,
    (Collection, Record): compare_names.collection_and_record,
    (Collection, Collection): compare_several.collections,
    (Collection, Bracketed): compare_several.bracketed_and_list,
    (Bracketed, Collection): compare_several.bracketed_and_list,
    (Bracketed, Bracketed): compare_several.bracketed,
    (Matrix, Matrix): compare_several.matrices,
    (Matrix, Bracketed): compare_several.matrix_and_vector,
    (Bracketed, Matrix): compare_several.matrix_and_vector,
    (Cases, Cases): compare_several.cases,
    (Ratio, Ratio): compare_several.ratios,
    (Choice, Choice): compare_relations.choices,
    (Words, Named): compare_names.named_answer,
    (Choice, Named): compare_names.named_answer,
    (Relation, Collection): compare_relations.relation_and_any,
    (Relation, Bracketed): compare_relations.relation_and_any,
    (Relation, Expression): compare_relations.relation_and_any,
    (Relation, Number): compare_relations.relation_and_any,
    (Words, Words): compare_relations.words,
    (Named, Words): compare_names.named_reference,
    (Named, Choice): compare_names.named_reference,
    (Named, Ratio): compare_names.named_reference,
    (Named, Cases): compare_names.named_reference,
}
# Failing a row for the pair: by the answer's kind, then by the reference's.
_BY_ANSWER: dict[type, Any] = {
    Named: compare_names.named_answer,
    Words: compare_relations.any_and_words,
    Choice: compare_relations.any_and_choice,
    Relation: compare_relations.scalar_and_relation,
    Ratio: compare_several.ratio_and_scalar,
    Record: compare_relations.never,
    Cases: compare_relations.never,
}
_BY_REFERENCE: dict[type, Any] = {
    Named: compare_names.named_reference,
    Words: compare_relations.words,
    Choice: compare_relations.choice_and_any,
    Relation: compare_relations.relation_and_any,
    Ratio: compare_several.ratio_and_scalar,
    Record: compare_relations.never,
    Cases: compare_relations.never,
    Collection: compare_several.several_and_one,
    Bracketed: compare_several.several_and_one,
}
_SEVERAL: dict[type, Any] = {Collection: compare_several.one_and_several, Bracketed: compare_several.one_and_several}
