import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.scorers import ExactMatch, TokenF1
from rl_rewards.types import Outcome, Sample


def score(scorer, answer, reference):
    [result] = scorer.score([Sample(None, "", "", {"gold": reference})], [answer])
    return result


SQUAD = [
    ("the Cat", "cat", 1),
    ("The cat.", "a cat", 1),
    ("  the\n cat ", "the cat", 1),
    ("cat!", '"cat"', 1),
    ("state-of-the-art", "state of the art", 0),
    ("state-of-the-art", "stateoftheart", 1),
    ("U.S.", "US", 1),
    ("$5", "5", 1),
    ("1,000", "1000", 1),
    ("cats", "cat", 0),
    ("", "cat", 0),
    ("NYC", ["New York", "NYC"], 1),
    ("“Cat”", "cat", 1),
]
NOT_DESTROYED = [
    ("A", "A", 1),
    ("A.", "A", 1),
    ("a", "A", 1),
    ("the", "A", 0),
    ("", "A", 0),
    ("B", "A", 0),
    ("Vitamin A", "Vitamin A", 1),
    ("**c++**.", "C++", 1),
    ("C", "C++", 0),
    ("C++", "C", 0),
    ("C#", "C", 0),
    ("(O+)", "O+", 1),
    ("A-", "A+", 0),
    ("#tag", "tag", 1),
    ("Vitamin", "Vitamin A", 0),
    ("Vitamin C", "Vitamin A", 0),
    ("-5", "-5", 1),
    ("5", "-5", 0),
    ("−5", "-5", 1),
    ("-$5", "$-5", 1),
    ("3.14", "3.14", 1),
    ("314", "3.14", 0),
    ("3.14.", "3.14", 1),
    (".5", "0.5", 1),
    (".5", "5", 0),
    ("1/2", "12", 0),
    ("12:30", "1230", 0),
    ("5-7", "57", 0),
    ("1,2", "12", 0),
    ("1,234,567", "1234567", 1),
    ("of", "of", 1),
    ("", "of", 0),
    ("is", "of", 0),
    ("+", "+", 1),
    ("-", "+", 0),
    ("?!", "?!", 1),
    ("", "?!", 0),
    ("covid-19", "COVID19", 1),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), SQUAD + NOT_DESTROYED)
def test_words_are_compared_without_what_does_not_matter_and_with_what_does(answer, reference, expected):
    assert score(ExactMatch("gold"), answer, reference).score == expected
    assert (score(TokenF1("gold"), answer, reference).score == 1) == bool(expected)


F1 = [
    ("cat", "cat", 1.0),
    ("big cat", "cat", 2 / 3),
    ("cat", "big cat", 2 / 3),
    ("a big cat", "the big dog", 1 / 2),
    ("cat cat cat", "cat", 1 / 2),
    ("dog", "cat", 0.0),
    ("", "cat", 0.0),
    ("big cat", ["cat", "big cat"], 1.0),
    ("x " * 99 + "cat", "cat", 2 / 101),
]


@pytest.mark.parametrize(("answer", "reference", "f1"), F1)
def test_f1_is_that_of_the_bags_of_words(answer, reference, f1):
    assert score(TokenF1("gold"), answer, reference).score == pytest.approx(f1)


def test_precision_and_recall_are_components():
    assert score(TokenF1("gold"), "big cat", "cat").metrics == {"precision": 0.5, "recall": 1.0}


def test_f1_moves_between_the_wrong_and_the_right_score():
    scorer = TokenF1("gold", correct=2, wrong=-1)
    assert [score(scorer, answer, "big cat").score for answer in ("dog", "cat", "big cat")] == [-1, 1, 2]


@pytest.mark.parametrize("scorer", [ExactMatch("gold"), TokenF1("gold")])
@pytest.mark.parametrize("reference", [None, "", " ", [], [""], {"a": 1}])
def test_an_empty_reference_is_an_error_and_never_a_score(scorer, reference):
    assert score(scorer, "", reference).outcome == Outcome.ERROR


@settings(deadline=None)
@given(st.text(max_size=30).filter(str.strip))
def test_every_text_has_the_words_of_itself(text):
    assert score(ExactMatch("gold"), text, text).score == 1
    assert score(TokenF1("gold"), text, text).score == 1


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30).filter(str.strip))
def test_f1_is_one_only_for_the_same_bag_of_words_and_the_same_both_ways(a, b):
    assert 0 <= score(TokenF1("gold"), a, b).score <= 1
    if a.strip():
        assert score(TokenF1("gold"), a, b).score == pytest.approx(score(TokenF1("gold"), b, a).score)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"), [("北京市", "北京", 0.8), ("北京", "北京", 1), ("东京", "北京", 0.5), ("กรุงเทพ", "กรุงเทพ", 1)]
)
def test_f1_counts_letters_in_scripts_without_spaces(answer, gold, expected):
    [result] = TokenF1("gold").score([Sample(None, "", "", {"gold": gold})], [answer])
    assert result.score == pytest.approx(expected)
