"""The shaping rewards, against their papers' formulas."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.scorers import CosineLength, GroupLength, LengthWindow, Repetition, SoftOverlong, scorer
from rl_rewards.types import EvaluateResult, Outcome, Sample

RIGHT = {"string_match": "{{references.gold}}"}


def sample(length, group=None, gold="4"):
    return Sample(None, "a b c", "a b c", {"gold": gold}, None if length is None else list(range(length)), group)


def scores(made, samples, answers=None):
    return [result.score for result in made.score(samples, answers or ["4"] * len(samples))]


# DAPO, eq. 13, with L = 100 and a buffer of 20
OVERLONG = [(0, 0.0), (80, 0.0), (81, -0.05), (90, -0.5), (99, -0.95), (100, -1.0), (101, -1.0), (10_000, -1.0)]


@pytest.mark.parametrize(("length", "expected"), OVERLONG)
def test_soft_overlong_is_dapos_slope_and_never_below_minus_one(length, expected):
    assert scores(SoftOverlong(100, 20), [sample(length)]) == [pytest.approx(expected)]


WINDOW = [(0, 0.0), (8, 0.0), (9, 0.5), (10, 1.0), (20, 1.0), (21, 0.5), (22, 0.0), (10_000, 0.0)]


@pytest.mark.parametrize(("length", "expected"), WINDOW)
def test_a_length_window_rewards_what_is_near_and_not_what_is_far(length, expected):
    assert scores(LengthWindow(10, 20, slack_tokens=2), [sample(length)]) == [expected]


def test_a_length_window_without_slack_has_hard_edges():
    assert scores(LengthWindow(2, 3), [sample(n) for n in range(6)]) == [0, 0, 1, 1, 0, 0]


# 2502.03373, C.1: eta_min + (eta_max - eta_min) (1 + cos(pi t / T)) / 2 with T = 200
COSINE = [
    (0, "4", 1.0),
    (100, "4", 0.75),
    (200, "4", 0.5),
    (400, "4", 0.5),
    (0, "5", -1.0),
    (100, "5", -0.75),
    (150, "5", -0.5 - 0.5 * (1 + math.cos(0.75 * math.pi)) / 2),
    (200, "5", -0.5),
    (400, "5", -0.5),
]


@pytest.mark.parametrize(("length", "answer", "expected"), COSINE)
def test_cosine_length_prefers_short_right_and_long_wrong_answers_and_stops_at_the_limit(length, answer, expected):
    assert scores(CosineLength(RIGHT, 200), [sample(length)], [answer]) == [pytest.approx(expected)]


def test_cosine_length_can_give_one_score_to_all_that_reach_the_limit():
    made = CosineLength(RIGHT, 10, exceeded=-10)
    assert scores(made, [sample(9), sample(10), sample(11)], ["4", "4", "5"])[1:] == [-10, -10]


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.booleans())
def test_cosine_length_stays_between_its_ends_and_is_monotonic(a, b, right):
    short, long = scores(CosineLength(RIGHT, 200), [sample(min(a, b)), sample(max(a, b))], ["4" if right else "5"] * 2)
    assert (0.5 <= long <= short <= 1) if right else (-1 <= short <= long <= -0.5)


# Kimi k1.5: lambda = 0.5 - (len - min) / (max - min); right: lambda, wrong: min(0, lambda)
GROUPS = [
    ([(10, 0, "4"), (20, 0, "4"), (30, 0, "4")], [0.5, 0.0, -0.5]),
    ([(10, 0, "5"), (20, 0, "5"), (30, 0, "5")], [0.0, 0.0, -0.5]),
    ([(10, 0, "4"), (30, 0, "5"), (1, 1, "4"), (2, 1, "4")], [0.5, -0.5, 0.5, -0.5]),
    ([(1, 0, "4"), (10, 1, "4"), (3, 0, "4"), (14, 1, "4"), (2, 0, "4")], [0.5, 0.5, -0.5, -0.5, 0.0]),
    ([(7, 0, "4"), (7, 0, "5")], [0.0, 0.0]),
    ([(7, 0, "4")], [0.0]),
]


@pytest.mark.parametrize(("rows", "expected"), GROUPS)
def test_group_length_compares_within_the_group_of_one_prompt(rows, expected):
    samples = [sample(length, group) for length, group, _ in rows]
    assert scores(GroupLength(RIGHT), samples, [answer for *_, answer in rows]) == expected


def test_group_length_without_groups_is_an_error():
    [result] = GroupLength(RIGHT).score([sample(7)], ["4"])
    assert result.outcome == Outcome.ERROR and "one prompt" in result.error
    assert GroupLength(RIGHT).traits.needs_groups and not CosineLength(RIGHT, 9).traits.needs_groups


NESTED = [CosineLength(RIGHT, 200), GroupLength(RIGHT)]


@pytest.mark.parametrize("made", NESTED)
def test_where_right_is_not_known_the_length_is_not_scored(made):
    [result] = made.score([sample(7, 0, gold="")], ["4"])
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    assert made.traits.columns == {"gold"} and made.traits.needs_token_ids


@pytest.mark.parametrize("made", NESTED)
def test_no_answer_is_a_wrong_one_and_counted_as_unparsed(made):
    [result] = made.score([sample(7, 0)], [None])
    assert result.score <= 0 and result.outcome == Outcome.UNPARSED and result.metrics == {"right": 0.0}


def test_an_answer_is_right_from_the_threshold_on():
    half_right = [sample(0, gold="big cat")], ["cat"]  # F1 2/3
    nested = {"token_f1": "gold"}
    assert scores(CosineLength(nested, 10), *half_right) == [-1.0]
    assert scores(CosineLength(nested, 10, threshold=0.5), *half_right) == [1.0]


def test_the_nested_scorer_is_refused_where_it_is_wrong():
    with pytest.raises(ValueError, match="Did you mean 'number_match'"):
        CosineLength({"number_mach": "gold"}, 10)
    with pytest.raises(ValueError, match="right"):
        scorer({"cosine_length": {"max_tokens": 10}})


# 2502.03373, C.2: (1 - unique n-grams / all n-grams) * penalty
REPEATS = [
    ([1] * 10, 3, -0.875),
    ([1, 2, 3, 1, 2, 3], 3, -0.25),
    ([1, 2, 1, 2], 1, -0.5),
    (list(range(10)), 3, 0.0),
    ([1, 1], 3, 0.0),
    ([], 3, 0.0),
    ([1, 1, 1], 3, 0.0),
]


@pytest.mark.parametrize(("ids", "n", "expected"), REPEATS)
def test_repetition_is_the_share_of_ngrams_that_are_not_the_first_of_their_kind(ids, n, expected):
    [score] = scores(Repetition(n), [Sample(None, "", "", completion_ids=ids)])
    assert score == pytest.approx(expected)
    assert score < 0 or math.copysign(1, score) == 1  # a table of rewards with "-0.0" in it looks broken


def test_repetition_of_words_takes_no_notice_of_capitals():
    assert scores(Repetition(2, unit="words"), [Sample(None, "", "The cat the CAT the cat")]) == [pytest.approx(-0.6)]


WORDS = [
    ("the cat sat", 3),
    ("我喜欢猫", 4),
    ("我喜欢 猫，真的。", 6),
    ("猫がすき", 4),
    ("カ\u3099", 1),
    ("สวัสดีครับ", 7),
    ("ที่นี่", 2),
    ("用 Python 写", 3),
    ("用Python写", 3),
    ("고양이가 좋아", 2),
    ("naïve café", 2),
    ("", 0),
    ("\ud800 a", 2),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_a_word_of_a_script_without_spaces_is_a_letter(text, words):
    [result] = LengthWindow(words, words, unit="words").score([Sample(None, text, text)], [text])
    assert result.reason == f"{words} words" and result.score == 1


@pytest.mark.parametrize(("text", "expected"), [("我爱你我爱你我爱你", -4 / 7), ("我喜欢猫也喜欢狗", 0), ("ฉันรักเธอฉันรักเธอ", -0.5), ("好" * 12, -0.9)])
def test_repetition_of_words_counts_letters_in_scripts_without_spaces(text, expected):
    assert scores(Repetition(3, unit="words"), [Sample(None, text, text)]) == [pytest.approx(expected, abs=0.1)]


LENGTHS = [SoftOverlong(100, 20), LengthWindow(1, 2), CosineLength(RIGHT, 9), GroupLength(RIGHT), Repetition()]


@pytest.mark.parametrize("made", LENGTHS, ids=lambda made: type(made).__name__)
def test_without_token_ids_the_result_is_an_error_that_says_what_to_do(made):
    [result] = made.score([sample(None, 0)], ["4"])
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    assert "set `unit`" in result.error
    assert made.traits.needs_token_ids


@pytest.mark.parametrize(("unit", "expected"), [("words", 1.0), ("characters", 0.0)])
def test_words_and_characters_are_counted_where_they_are_chosen(unit, expected):
    made = LengthWindow(3, 3, unit=unit)
    assert scores(made, [sample(None)]) == [expected]
    assert not made.traits.needs_token_ids


def test_all_but_the_group_reward_score_each_sample_by_itself():
    assert [made.traits.per_sample for made in LENGTHS] == [True, True, True, False, True]
    assert not CosineLength(GroupLength(RIGHT), 9).traits.per_sample


WRONG_OPTIONS = [
    (SoftOverlong, {"max_tokens": 10, "buffer_tokens": 0}),
    (SoftOverlong, {"max_tokens": 10, "buffer_tokens": 11}),
    (SoftOverlong, {"max_tokens": 0, "buffer_tokens": 0}),
    (LengthWindow, {"min_tokens": 3, "max_tokens": 2}),
    (LengthWindow, {"min_tokens": -1, "max_tokens": 2}),
    (LengthWindow, {"min_tokens": 1, "max_tokens": 2, "slack_tokens": -1}),
    (CosineLength, {"right": RIGHT, "max_tokens": 0}),
    (Repetition, {"n": 0}),
    (Repetition, {"penalty": 1}),
    (SoftOverlong, {"max_tokens": 10, "buffer_tokens": 5, "unit": "bytes"}),
]


@pytest.mark.parametrize(("cls", "options"), WRONG_OPTIONS)
def test_limits_that_cannot_be_meant_are_refused(cls, options):
    with pytest.raises(ValueError):
        cls(**options)


def test_a_score_of_the_nested_scorer_that_is_not_finite_is_an_error():
    class Broken(type(scorer(RIGHT))):
        def score_answer(self, answer, target, sample):
            return EvaluateResult(float("nan"))

    [result] = CosineLength(Broken(equals="4"), 9).score([sample(7)], ["4"])
    assert result.outcome == Outcome.ERROR
