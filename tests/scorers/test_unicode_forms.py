"""Text that reads the same and differs in its code points: composed or not, full width or not."""

import pytest

from rl_rewards.scorers import ExactMatch, JsonMatch, MultipleChoice, NumberMatch, StringMatch, TokenF1, ToolCallMatch
from rl_rewards.types import Sample

NFC, NFD = "caf\u00e9", "cafe\u0301"
CALL = '<tool_call>{{"name": "f", "arguments": {{"a": "{}"}}}}</tool_call>'


def score(scorer, answer, reference, **columns):
    [result] = scorer.score([Sample("q", answer, answer, {"answer": reference, **columns})], [answer])
    return result.score


@pytest.mark.parametrize(("written", "reference"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), ("\u1112\u1161\u11ab", "\ud55c")])
@pytest.mark.parametrize(
    "scorer",
    [
        StringMatch("answer"),
        StringMatch("answer", ignore_case=True),
        StringMatch(contains="{{references.answer}}"),
        ExactMatch("answer"),
        TokenF1("answer"),
    ],
    ids=["string_match", "ignore_case", "contains", "exact_match", "token_f1"],
)
def test_an_accent_is_the_same_however_it_is_written(scorer, written, reference):
    assert score(scorer, written, reference) == 1
    assert score(scorer, "cafe", reference) == 0


@pytest.mark.parametrize(("written", "reference"), [(NFC, NFD), (NFD, NFC)])
def test_so_it_is_in_json_and_in_the_arguments_of_tools(written, reference):
    assert score(JsonMatch("answer"), f'{{"a": ["{written}"]}}', {"a": [reference]}) == 1
    assert score(JsonMatch("answer"), '{"a": ["cafe"]}', {"a": [reference]}) == 0
    assert score(ToolCallMatch("answer"), CALL.format(written), [{"name": "f", "arguments": {"a": reference}}]) == 1
    assert score(ToolCallMatch("answer"), CALL.format("cafe"), [{"name": "f", "arguments": {"a": reference}}]) == 0


@pytest.mark.parametrize(
    ("answer", "reference", "right"),
    [("５", "5", 1), ("１，２３４", "1234", 1), ("－５．５", "-5.5", 1), ("５０％", "50%", 1), ("5", "５", 1), ("５²", "52", 0), ("５", "6", 0)],
)
def test_digits_may_have_full_width(answer, reference, right):
    assert score(NumberMatch("answer"), answer, reference) == right


@pytest.mark.parametrize(("answer", "right"), [("Ｂ", 1), ("（Ｂ）", 1), ("答案：Ｂ。", 1), ("The answer is Ｂ", 1), ("Ａ", 0), ("Ｂ or Ａ", 0)])
@pytest.mark.parametrize("reference", ["B", "Ｂ"])
def test_so_may_the_labels_of_options(answer, reference, right):
    assert score(MultipleChoice("answer"), answer, reference) == right


@pytest.mark.parametrize(("answer", "right"), [(NFD, 1), (NFC, 1), ("The answer is " + NFD, 1), ("thé", 0)])
def test_the_texts_of_options_are_found_however_they_are_written(answer, right):
    assert score(MultipleChoice("answer", options="options"), answer, "A", options=[NFC, "th\u00e9"]) == right


def test_a_field_without_a_name_is_compared_like_any_other():
    [result] = JsonMatch("answer").score([Sample("q", "", "", {"answer": {"": 1, "a": 2}})], [{"": 1, "a": 3}])
    assert (result.score, result.metrics) == (0.5, {'""': 1.0, "a": 0.0})
