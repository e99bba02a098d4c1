from datetime import date, datetime, time

import pytest

from rl_rewards.scorers import StringMatch
from rl_rewards.types import Outcome, Sample


def score(scorer, answer, **references):
    [result] = scorer.score([Sample(None, "", "", references)], [answer])
    return result


EQUALS = [
    ("4", "4", 1),
    (" 4\n", "4", 1),
    ("4", " 4 ", 1),
    ("42", "4", 0),
    ("Paris", "paris", 0),
    ("", "4", 0),
    ("a  b", "a b", 0),
    ("4", 4, 1),
    ("4.0", 4.0, 1),
    ("4", 4.0, 1),
    ("-12", -12.0, 1),
    ("12", 12.5, 0),
    ("12.5", 12.5, 1),
    ("40", 4.0, 0),
    ("1e+22", 1e22, 1),
    ("True", True, 1),
    ("\ud800", "\ud800", 1),
    ("a\x00", "a\x00", 1),
]
ANY_OF = [
    ("NYC", ["New York", "NYC"], 1),
    ("York", ["New York", "NYC"], 0),
    ("4", [4, "four"], 1),
    ("4", ("4",), 1),
    ("", ["", "4"], 0),
    ("None", [None, "4"], 0),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), EQUALS + ANY_OF)
def test_an_answer_equals_the_reference_or_one_of_them(answer, reference, expected):
    assert score(StringMatch("{{references.gold}}"), answer, gold=reference).score == expected


CONTAINS = [
    ("it is Paris.", "Paris", 1),
    ("Par is", "Paris", 0),
    ("", "Paris", 0),
    ("it is NYC", ["New York", "NYC"], 1),
    ("anything", ["", "Paris"], 0),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), CONTAINS)
def test_an_answer_contains_the_reference_and_never_the_other_way_round(answer, reference, expected):
    assert score(StringMatch(contains="{{references.gold}}"), answer, gold=reference).score == expected


OPTIONS = [
    ({"ignore_case": True}, "PARIS", "paris", 1),
    ({"ignore_case": True}, "STRASSE", "straße", 1),
    ({"whitespace": "exact"}, "4 ", "4", 0),
    ({"whitespace": "exact"}, "4 ", "4 ", 1),
    ({"whitespace": "collapse"}, " a \n b", "a b", 1),
    ({"whitespace": "collapse"}, "ab", "a b", 0),
    ({"whitespace": "ignore"}, "( 1 , 2 )", "(1,2)", 1),
]


@pytest.mark.parametrize(("options", "answer", "reference", "expected"), OPTIONS)
def test_case_and_white_space_count_as_the_options_say(options, answer, reference, expected):
    assert score(StringMatch("{{references.gold}}", **options), answer, gold=reference).score == expected


def test_a_reference_can_stand_inside_a_longer_text_and_in_nested_columns():
    scorer = StringMatch("{{references.gold}} {{references.meta.unit}}")
    assert score(scorer, "4 m", gold=4, meta={"unit": "m"}).score == 1
    assert scorer.traits.columns == {"gold", "meta"}


def test_text_without_a_placeholder_is_the_same_for_every_row():
    assert score(StringMatch(equals="Yes"), "Yes").score == 1


def test_no_answer_is_the_policys_fault_and_scored_as_wrong():
    result = score(StringMatch("{{references.gold}}", correct=2, wrong=-1), None, gold="4")
    assert (result.score, result.outcome) == (-1, Outcome.UNPARSED)


USELESS = [{}, {"gold": None}, {"gold": ""}, {"gold": " \n"}, {"gold": []}, {"gold": [None]}, {"gold": {"a": 1}}, {"gold": ["x", {"a": 1}]}]


@pytest.mark.parametrize("references", USELESS)
@pytest.mark.parametrize("option", ["equals", "contains"])
def test_a_row_without_a_usable_reference_is_an_error_and_never_a_score(references, option):
    result = score(StringMatch(**{option: "{{references.gold}}"}), "", **references)
    assert (result.score, result.outcome) == (None, Outcome.ERROR)


def test_an_object_from_the_parser_is_an_error_that_names_the_mismatch():
    result = score(StringMatch(equals="4"), {"a": 4})
    assert result.outcome == Outcome.ERROR and "the parser gave a dict" in result.error


@pytest.mark.parametrize("options", [{}, {"equals": "a", "contains": "b"}, {"equals": ""}, {"contains": " "}])
def test_exactly_one_comparison_with_something_in_it_must_be_set(options):
    with pytest.raises(ValueError):
        StringMatch(**options)


def test_a_placeholder_of_another_form_is_refused():
    with pytest.raises(ValueError, match="Unknown placeholder"):
        StringMatch("{{gold}}")


def test_a_whole_float_within_a_text_is_written_as_a_whole_number():
    assert score(StringMatch(equals="{{references.gold}} km"), "12 km", gold=12.0).score == 1


@pytest.mark.parametrize("gold", [datetime(2024, 1, 2), date(2024, 1, 2), time(1, 2)])
def test_a_date_that_was_made_of_text_is_an_error_that_names_the_remedy(gold):
    for scorer in (StringMatch("gold"), StringMatch(equals="on {{references.gold}}")):
        result = score(scorer, "2024-01-02", gold=gold)
        assert result.outcome is Outcome.ERROR and "cast the column to text" in result.error


def test_nan_is_no_reference():
    assert score(StringMatch("gold"), "nan", gold=float("nan")).outcome is Outcome.ERROR
