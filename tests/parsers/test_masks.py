"""Masks as the specification of Synalinks has them: `in_mask` and `out_mask`, exact names, objects kept whole, never an empty comparison."""

import json

import pytest

from rl_rewards import Outcome, Reward, Rubric, Sample
from rl_rewards.parsers.fields import FieldMask
from rl_rewards.parsers.json_object import Json
from rl_rewards.scorers.json_match import JsonMatch

RECORD = {
    "answer": "4",
    "answer_1": "5",
    "answers": "6",
    "thinking": "2 and 2",
    "meta": {"unit": "m", "answer": 1},
    "steps": [{"answer": 1, "note": 2}],
}


@pytest.mark.parametrize(
    ("keep", "drop", "suffixes", "left"),
    [
        (["answer"], [], False, {"answer": "4"}),
        (["answer_1"], [], False, {"answer_1": "5"}),
        (["answer"], [], True, {"answer": "4", "answer_1": "5"}),
        (["answer_1"], [], True, {"answer_1": "5"}),
        (["meta"], [], False, {"meta": {"unit": "m", "answer": 1}}),
        (["meta.unit"], [], True, {"meta": {"unit": "m"}}),
        (["steps.answer"], [], False, {"steps": [{"answer": 1}]}),
        (["answer", "meta"], ["meta.answer"], False, {"answer": "4", "meta": {"unit": "m"}}),
        ([], ["answer"], True, {name: RECORD[name] for name in ("answers", "thinking", "meta", "steps")}),
        ([], ["answer"], False, {name: part for name, part in RECORD.items() if name != "answer"}),
        (["typo"], [], False, None),
        (["typo"], [], True, None),
        ([], list(RECORD), False, None),
    ],
)
def test_what_a_mask_leaves(keep, drop, suffixes, left):
    assert FieldMask(tuple(keep), tuple(drop), suffixes).apply(RECORD) == left
    text = json.dumps(RECORD)
    assert Json(keep=keep, drop=drop, suffixes=suffixes).parse(text) == left
    assert Json(in_mask=keep, out_mask=drop, suffixes=suffixes).parse(text) == left


@pytest.mark.parametrize("suffixes", [False, True])
def test_a_mask_that_matches_nothing_of_the_reference_is_an_error_and_no_full_score(suffixes):
    rubric = Rubric([Reward("same", JsonMatch("gold", in_mask=["anser"], suffixes=suffixes))])
    column = rubric.evaluate([Sample.from_row({"prompt": "q", "completion": '{"answer": 1}', "gold": {"answer": 2}})]).columns["same"]
    assert (column.scores, column.outcomes) == ([None], [Outcome.ERROR])
    assert "keep ['anser'] and drop [] leave nothing" in column.results[0].error


def test_masks_compare_the_fields_that_count():
    row = {
        "prompt": "q",
        "completion": '{"thinking": "?", "answer": {"value": 4, "unit": "m"}}',
        "gold": {"answer": {"value": 4, "unit": "m"}, "thinking": "!"},
    }
    for options, score in (({"in_mask": ["answer"]}, 1.0), ({"out_mask": ["thinking"]}, 1.0), ({}, 0.5), ({"in_mask": ["thinking"]}, 0.0)):
        assert Rubric([Reward("same", JsonMatch("gold", **options))]).evaluate([Sample.from_row(row)]).scores("same") == [score], options


@pytest.mark.parametrize("kind", [lambda **options: Json(**options), lambda **options: JsonMatch("gold", **options)])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": ["a"], "in_mask": ["b"]}, "keep and in_mask are one option, got both"),
        ({"drop": ["a"], "out_mask": ["a"]}, "drop and out_mask are one option, got both"),
        ({"in_mask": ["a"], "out_mask": ["a"]}, "named twice"),
        ({"in_mask": [""]}, "found ''"),
    ],
)
def test_masks_that_contradict_each_other_are_refused(kind, options, words):
    with pytest.raises(ValueError, match=words):
        kind(**options)
