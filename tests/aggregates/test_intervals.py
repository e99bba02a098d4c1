"""Intervals hold the true value as often as they say, and stay where a share can be."""

import numpy as np
import pytest

from rl_rewards.aggregates.intervals import mean_interval, ratio_interval, t_quantile


def test_quantiles_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 7, 30, 199, 10_000):
        for probability in (0.6, 0.9, 0.975, 0.995):
            assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-8)


@pytest.mark.parametrize(("problems", "completions", "ease"), [(50, 4, (1, 1)), (200, 8, (2, 5)), (200, 1, (1, 1))])
def test_an_interval_of_a_mean_covers_it_as_often_as_it_says(problems, completions, ease):
    generator = np.random.default_rng(0)
    chances = generator.beta(*ease, (2000, problems))
    sizes = generator.integers(1, completions + 1, chances.shape)  # uneven, as when some rows failed
    found = [ratio_interval(*pair) for pair in zip(generator.binomial(sizes, chances).astype(float), sizes.astype(float))]
    truth = ease[0] / sum(ease)
    assert np.mean([low <= truth <= high for _, low, high in found]) == pytest.approx(0.95, abs=0.015)  # three errors of 2,000 tries


def test_completions_to_one_prompt_are_no_independent_rows():
    """A prompt that is always or never right says as much in eight completions as in one."""
    right = np.array([1.0, 0.0] * 20)
    assert ratio_interval(8 * right, np.full(40, 8.0)) == pytest.approx(mean_interval(right))


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([1.0] * 50, 0.9, 1.0), ([0.0] * 50, 0.0, 0.1), ([1.0, 1.0, 1.0], 0.0, 1.0), ([0.5, 0.5], 0.0, 1.0), ([1.0] * 30 + [0.0], 0.75, 1.0)],
)
def test_a_share_has_an_interval_of_some_width_between_0_and_1(values, low, high):
    value, lower, upper = mean_interval(np.array(values))
    assert low <= lower < value or lower == value == 0.0
    assert value < upper <= high or upper == value == 1.0
    assert upper - lower > 0.01


def test_scores_beyond_0_and_1_have_students_interval():
    value, low, high = mean_interval(np.array([-1.0, 3.0]))
    assert value == 1.0 and low == pytest.approx(1 - 12.7062047 * 2, abs=1e-5) and high == pytest.approx(1 + 12.7062047 * 2, abs=1e-5)


def test_one_problem_has_no_interval_and_none_has_no_value():
    assert mean_interval(np.array([0.3])) == (0.3, None, None)
    assert mean_interval(np.array([])) == (None, None, None)
