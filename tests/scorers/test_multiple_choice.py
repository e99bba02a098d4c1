import pytest

from rl_rewards.scorers import MultipleChoice
from rl_rewards.types import Outcome, Sample

ONLY_THE_LETTER = [("B", "B"), ("b", "B"), ("(b)", "B"), ("**B**", "B"), ("[B].", "B"), (" B) ", "B"), ("“B”", "B")]
SAID = [
    ("The answer is B.", "B"),
    ("Answer: (B)", "B"),
    ("ANSWER:\n**B**", "B"),
    ("A looks right, but the correct option is B, not C", "B"),
    ("Answer: A. No, answer: B.", "B"),
    ("choice B", "B"),
]
ALONE = [("B) Paris", "B"), ("B. Paris", "B"), (r"\text{B}", "B"), (r"$\mathrm{B}$", "B"), ("so it must be B because the cat is in", "B")]
NONE = [
    ("", None),
    ("Paris", None),
    ("A or B or C or D", None),
    ("A, B", None),
    ("E", None),
    ("ABCD", None),
    ("The answer is a dog", None),
    ("a b", None),
    ("\ud800", None),
    ("AB", None),
]


@pytest.mark.parametrize(("answer", "letter"), ONLY_THE_LETTER + SAID + ALONE + NONE)
def test_an_answer_names_one_letter_or_none(answer, letter):
    assert MultipleChoice("gold").letter(answer) == letter


REFERENCES = [("B", "B", 1), ("b", "B", 1), ("(B)", "B", 1), (1, "B", 1), (0, "A", 1), ("C", "B", 0)]


@pytest.mark.parametrize(("reference", "answer", "expected"), REFERENCES)
def test_a_reference_is_a_letter_or_its_place_from_zero(reference, answer, expected):
    [result] = MultipleChoice("gold").score([Sample(None, "", "", {"gold": reference})], [answer])
    assert result.score == expected


@pytest.mark.parametrize("reference", ["E", "", "AB", 4, -1, True, 1.0, None, ["B"], {"a": "B"}])
def test_a_reference_that_is_no_choice_is_an_error(reference):
    [result] = MultipleChoice("gold").score([Sample(None, "", "", {"gold": reference})], ["B"])
    assert result.outcome == Outcome.ERROR


def test_naming_every_letter_is_unparsed_and_does_not_pay():
    [result] = MultipleChoice("gold").score([Sample(None, "", "", {"gold": "B"})], ["A B C D"])
    assert (result.score, result.outcome) == (0, Outcome.UNPARSED)


def test_other_letters_can_be_chosen_from():
    [result] = MultipleChoice("gold", choices="ABCDEFGHIJ").score([Sample(None, "", "", {"gold": 9})], ["The answer is J"])
    assert result.score == 1


@pytest.mark.parametrize("choices", ["", "A", "AA", "ab", "A]B", "1234"])
def test_choices_are_different_capital_letters(choices):
    with pytest.raises(ValueError, match="capital letters"):
        MultipleChoice("gold", choices=choices)
