"""Agreement with labels: numbers that can be checked by hand, and planted biases."""

from __future__ import annotations

import numpy as np
import pytest

from rl_rewards.calibration import LabelError, agreement, best_threshold, labels_of, length_bias, position_bias


def made(raw, scores, prompts=None, **options):
    labels = labels_of(raw, "label", options.pop("positive", None))
    scores = np.array(scores, dtype=float)
    prompts = np.arange(len(scores)) if prompts is None else np.array(prompts)
    return agreement(scores, labels, prompts, **{"resamples": 0, **options})


def test_a_table_of_two_by_two_has_the_kappa_of_the_textbook():
    # 20 both good, 5 and 10 of one mind each, 15 both bad: observed 0.7, expected 0.5, kappa 0.4 (Cohen 1960's formula)
    raw = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    scores = [1.0] * 25 + [0.0] * 25
    found = made(raw, scores)
    assert found.accuracy.value == pytest.approx(0.7) and found.kappa.value == pytest.approx(0.4)
    assert found.auc.value == pytest.approx((20 * 15 + 0.5 * (20 * 5 + 10 * 15)) / (30 * 20))
    assert (found.rows, found.positive, found.threshold) == (50, 30, 0.5)


@pytest.mark.parametrize(
    ("scores", "good", "threshold"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 0.5),
        ([0.1, 0.2, 0.8, 0.9], [0, 1, 1, 1], 0.15),
        ([5, 5, 5], [0, 1, 1], 5),
        ([1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 0, 1, 1, 1], 4.5),
    ],
)
def test_the_threshold_that_fits_best_is_found(scores, good, threshold):
    assert best_threshold(np.array(scores, dtype=float), np.array(good, dtype=bool)) == pytest.approx(threshold)


def test_the_threshold_is_the_best_of_all_that_can_be():
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(1)
    for _ in range(20):
        scores, good = random.integers(0, 8, 30) / 7, random.random(30) < 0.4
        kappas = [cohen_kappa_score(good, scores >= cut) for cut in (np.arange(7) + 0.5) / 7 if scores.min() < cut < scores.max()]
        assert cohen_kappa_score(good, scores >= best_threshold(scores, good)) == pytest.approx(max(kappas))


def test_levels_have_a_weighted_kappa():
    found = made([1, 2, 3, 4, 5], [0.0, 0.25, 0.5, 0.75, 1.0])
    assert (found.weighted_kappa.value, found.exact.value, found.auc.value, found.spearman.value) == (1.0, 1.0, 1.0, pytest.approx(1.0))
    reversed_ = made([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert reversed_.weighted_kappa.value == pytest.approx(-1.0) and reversed_.auc.value == 0.0


def test_intervals_hold_the_truth_and_shrink_with_rows():
    random = np.random.default_rng(0)

    def width(rows):
        good = random.random(rows) < 0.5
        scores = good + random.normal(0, 1, rows)
        found = made(["yes" if each else "no" for each in good], scores, resamples=100)
        assert found.auc.low < 0.76 < found.auc.high or rows < 1000  # P(N(1, 2) > 0) = 0.76
        assert found.held_out_accuracy.value <= found.accuracy.value + 0.02
        return found.auc.high - found.auc.low

    assert width(1000) < width(100)


def test_completions_of_one_prompt_are_resampled_together():
    raw, scores = ["yes", "no"] * 50, [1.0, 0.0, 0.4, 0.6] * 25
    alone = made(raw, scores, resamples=100)
    grouped = made(raw, scores, prompts=[index // 20 for index in range(100)], resamples=100)
    assert grouped.prompts == 5 and alone.prompts == 100


def test_the_same_seed_gives_the_same_intervals():
    raw, scores = ["yes", "no", "no", "yes"] * 10, [0.9, 0.3, 0.6, 0.5] * 10
    assert made(raw, scores, resamples=50) == made(raw, scores, resamples=50)


@pytest.mark.parametrize(
    ("raw", "positive", "good", "cut"),
    [
        (["yes", "No", "TRUE", "false"], None, [1, 0, 1, 0], 1.0),
        ([True, False], None, [1, 0], 1.0),
        ([1, 0, 1.0], None, [1, 0, 1], 1.0),
        (["4", "2", "5"], None, [1, 0, 1], 4.0),
        ([1, 2, 3, 4, 5], None, [0, 0, 0, 1, 1], 4.0),
        ([1, 2, 3, 4, 5], "3", [0, 0, 1, 1, 1], 3.0),
        (["A", "B", "a "], "A", [1, 0, 1], 1.0),
        (["helpful", "harmful"], "helpful", [1, 0], 1.0),
    ],
)
def test_labels_are_read(raw, positive, good, cut):
    labels = labels_of(raw, "label", positive)
    assert (labels.positive.tolist(), labels.cut) == ([bool(each) for each in good], cut)


@pytest.mark.parametrize(
    ("raw", "positive", "message"),
    [
        (["great", "poor"], None, "must be numbers, or yes and no, got 'great'; name the good one with --positive: great, poor"),
        (["great", "poor"], "graet", "must be one of great, poor, got 'graet'; did you mean 'great'?"),
        ([1, 2], "high", "the positive label must be a number"),
        (["yes", "yes"], None, "must have both good and bad rows, got 2 rows that are all alike"),
        ([1, 2, 3], "9", "must have both good and bad rows, got 3 rows, none of them good"),
        (["yes", "maybe"], None, "got 'maybe'"),
    ],
)
def test_labels_that_say_nothing_are_refused(raw, positive, message):
    with pytest.raises(LabelError, match=message.replace("?", r"\?")):
        labels_of(raw, "label", positive)


def planted(weight, rows=300):
    random = np.random.default_rng(3)
    labels = (random.random(rows) < 0.5).astype(float)
    lengths = random.integers(10, 500, rows)
    scores = labels + weight * (lengths - 250) / 250 + random.normal(0, 0.3, rows)
    return length_bias(scores, labels, lengths, np.arange(rows), 150, 0)


def test_a_planted_length_bias_is_found_and_none_where_none_is():
    assert planted(0.5).found and planted(0.5).estimate.value > 0
    assert planted(-0.5).found and planted(-0.5).estimate.value < 0
    assert not planted(0.0).found


def test_long_answers_that_people_like_better_are_no_bias():
    random = np.random.default_rng(5)
    labels = (random.random(400) < 0.5).astype(float)
    lengths = (labels * 200 + random.integers(50, 150, 400)).astype(int)
    scores = labels + random.normal(0, 0.2, 400)
    assert not length_bias(scores, labels, lengths, np.arange(400), 150, 0).found


def test_a_judge_that_likes_the_first_place_is_found():
    liking = [{"won_first": 1.0, "won_second": 0.0}] * 10 + [{"won_first": 1.0, "won_second": 1.0}] * 10
    fair = [{"won_first": 1.0, "won_second": 1.0}, {"won_first": 0.0, "won_second": 0.0}] * 10
    found = position_bias(liking, np.zeros(20), np.arange(20), 200, 0)
    assert found.found and found.estimate.value == pytest.approx(0.75)
    assert not position_bias(fair, np.zeros(20), np.arange(20), 200, 0).found
    assert position_bias([{}] * 20, np.zeros(20), np.arange(20), 200, 0) is None


def test_a_group_judge_whose_scores_follow_places_is_found():
    places = [{"place": place / 3} for _ in range(20) for place in range(4)]
    scores = np.array([1 - parts["place"] for parts in places])
    found = position_bias(places, scores, np.repeat(np.arange(20), 4), 200, 0)
    assert found.found and found.estimate.value < -0.9
