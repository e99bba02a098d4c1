import sys
from pathlib import Path

import pytest

from rl_rewards.scorers import MultipleChoice
from rl_rewards.types import Outcome, Sample

sys.path.insert(0, str(Path(__file__).parent))
from statements import CITIES, DIGITS, LABELLED, LETTERS, NO_LETTER, TEN_LETTERS, YES_NO

FOUR_CITIES = ["Paris", "Rome", "New York City", "the river Po"]
FOUR_LABELLED = {"label": ["1", "2", "3", "4"], "text": ["a dog", "3", "2", "4 cats"]}


def score(answer, gold, options=None, **settings):
    scorer = MultipleChoice("gold", options=None if options is None else "options", **settings)
    [result] = scorer.score([Sample(None, "", "", {"gold": gold, "options": options})], [answer])
    return result


def chosen_of(answer, labels, options=None, **settings):
    """The labels that an answer is right for."""
    right = [label for label in labels if score(answer, label, options, **settings).score == 1]
    unparsed = score(answer, labels[0], options, **settings).outcome == Outcome.UNPARSED
    assert unparsed is not bool(right), "an answer that chooses nothing is unparsed"
    return right


@pytest.mark.parametrize(("answer", "letter"), LETTERS)
def test_an_answer_that_chooses_a_letter_is_right_for_that_alone(answer, letter):
    assert chosen_of(answer, "ABCD") == [letter]


@pytest.mark.parametrize("answer", NO_LETTER)
def test_an_answer_that_chooses_none_or_several_is_unparsed_and_does_not_pay(answer):
    assert chosen_of(answer, "ABCD") == []


@pytest.mark.parametrize(
    ("rows", "labels", "options"),
    [
        (CITIES, "ABCD", FOUR_CITIES),
        (CITIES, "ABCD", dict(zip("ABCD", FOUR_CITIES)) | {"E": None}),
        (YES_NO, "ABC", ["yes", "no", "maybe"]),
        (LABELLED, "1234", FOUR_LABELLED),
    ],
    ids=["list", "object with None of Arrow", "words that deny", "labels and texts"],
)
def test_an_options_text_is_an_answer_where_the_row_has_it(rows, labels, options):
    assert [(answer, chosen_of(answer, labels, options)) for answer, _ in rows] == [(answer, [label] if label else []) for answer, label in rows]


@pytest.mark.parametrize(("answer", "digit"), DIGITS)
def test_digits_can_be_chosen_from(answer, digit):
    assert chosen_of(answer, "1234", choices="1234") == ([digit] if digit else [])


@pytest.mark.parametrize(("answer", "letter"), TEN_LETTERS)
def test_letters_beyond_d_can_be_chosen_from(answer, letter):
    assert chosen_of(answer, "ABCDEFGHIJ", choices="ABCDEFGHIJ") == ([letter] if letter else [])


def test_a_list_of_options_has_as_many_letters_as_texts():
    assert score("The answer is F", "F", [f"number {n}" for n in range(6)]).score == 1
    assert score("The answer is D", "B", ["red", "blue", "green"]).outcome == Outcome.UNPARSED


REFERENCES = [("B", 1), ("b", 1), ("(B)", 1), (1, 1), ("C", 0), (0, 0)]


@pytest.mark.parametrize(("reference", "expected"), REFERENCES)
def test_a_reference_is_a_letter_or_its_place_from_zero(reference, expected):
    assert score("B", reference).score == expected


@pytest.mark.parametrize(("reference", "expected"), [("Rome", 1), (" rome. ", 1), ("B", 1), (1, 1), ("Paris", 0)])
def test_a_reference_can_be_an_options_text(reference, expected):
    assert score("The answer is B", reference, FOUR_CITIES).score == expected


@pytest.mark.parametrize(("reference", "expected"), [(2, 1), ("2", 1), (1, 0)])
def test_an_integer_reference_is_the_digit_itself(reference, expected):
    assert score("2", reference, choices="1234").score == expected


def test_a_place_that_became_a_float_is_still_a_place():
    assert score("B", 1.0).score == 1.0 and score("B", 2.0).score == 0.0


@pytest.mark.parametrize("reference", ["E", "", "AB", 4, -1, True, 1.5, None, ["B"], {"a": "B"}])
def test_a_reference_that_is_no_choice_is_an_error(reference):
    assert score("B", reference).outcome == Outcome.ERROR


@pytest.mark.parametrize(
    "options", [["one"], [], {"A": "x"}, {"AA": "x", "B": "y"}, "ABCD", 5, ["x"] * 27, {"label": ["A", "A"], "text": ["x", "y"]}]
)
def test_options_that_are_none_are_an_error(options):
    assert score("A", "A", options).outcome == Outcome.ERROR


def test_a_text_that_two_options_share_names_neither():
    assert score("The answer is red", "A", ["red", "red", "blue"]).outcome == Outcome.UNPARSED


@pytest.mark.parametrize("choices", ["", "A", "AA", "ab", "A]B", "A1", "11"])
def test_choices_are_different_capital_letters_or_digits(choices):
    with pytest.raises(ValueError, match="capital letters, or digits"):
        MultipleChoice("gold", choices=choices)


def test_the_columns_that_it_reads_are_known_before_training():
    assert MultipleChoice("gold", options="options").traits.columns == {"gold", "options"}


def test_of_a_very_long_answer_the_end_counts():
    assert score("The answer is A. " + "and so on " * 20_000 + "The answer is B.", "B").score == 1
