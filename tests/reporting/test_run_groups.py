"""Curves and groups, against numbers worked out one by one."""

from pathlib import Path

import numpy as np
import pytest

from rl_rewards.reporting import curve_of, groups_of, predicted_useful, right_of, variance_shares
from rl_rewards.reporting.groups import above_group, right_groups
from rl_rewards.reporting.run import Run


def run_of(scores, weights, groups, steps=None):
    """A run of N completions whose rewards all scored."""
    scores = np.array(scores, float)
    size, rewards = scores.shape
    none, zeros = np.full(size, np.nan), np.zeros(size, np.int64)
    weights = np.array(weights, float)
    return Run(
        "run", Path("run"), True, True, tuple("abcdef"[:rewards]), weights,
        step=np.array(steps if steps is not None else zeros), training=np.ones(size, bool), rank=zeros, index=np.arange(size), group=np.array(groups),
        prompt=zeros, prompt_ids=["p"], scorable=np.ones(size, bool), total=np.nan_to_num(scores) @ weights, advantage=none, tokens=none, characters=none,
        scores=scores, raw=scores, outcomes=np.zeros(scores.shape, np.int8), failed=np.zeros(scores.shape, bool), gate=np.full(scores.shape, -1, np.int8),
        seconds=np.ones(scores.shape), row_seconds=np.full(scores.shape, np.nan), batch=zeros, text_size=none, text=zeros, components={},
    )  # fmt: skip


def test_a_curve_has_the_mean_and_the_percentiles_of_each_step():
    random = np.random.default_rng(0)
    steps = random.integers(0, 7, 500) * 3
    values = np.where(random.random(500) < 0.1, np.nan, random.normal(size=500))
    curve = curve_of(values, steps)
    assert curve.steps.tolist() == sorted(set(steps.tolist()))
    for place, step in enumerate(curve.steps):
        here = values[(steps == step) & np.isfinite(values)]
        found = [curve.mean[place], curve.low[place], curve.high[place], curve.count[place]]
        assert found == pytest.approx([here.mean(), *np.quantile(here, [0.1, 0.9]), len(here)])


def test_a_step_without_a_score_has_no_mean():
    curve = curve_of(np.array([1.0, np.nan]), np.array([1, 2]))
    assert curve.mean[0] == 1 and np.isnan(curve.mean[1]) and curve.count.tolist() == [1, 0]


def test_groups_with_equal_totals_carry_no_gradient_and_have_no_part_in_the_effective_reward():
    run = run_of([[1], [0], [1], [1], [0], [0], [1]], [1], [0, 0, 1, 1, 2, 2, 3])
    groups = groups_of(run)
    assert groups.size.tolist() == [2, 2, 2], "a completion alone is no group"
    assert groups.useful.tolist() == [True, False, False]
    assert groups.effective_reward == 0.5 and groups.mean.tolist() == [0.5, 1, 0]
    assert above_group(run).tolist() == [0.5, -0.5, 0, 0, 0, 0, 0]


def test_variance_shares_add_up_to_one_and_a_reward_that_works_against_the_total_has_a_negative_one():
    random = np.random.default_rng(1)
    scores = random.normal(size=(400, 3))
    scores[:, 1] = -0.3 * scores[:, 0] + 0.05 * random.normal(size=400)
    run = run_of(scores, [1, 1, 0.2], np.repeat(np.arange(50), 8))
    groups = groups_of(run)
    shares = variance_shares(run, groups, np.zeros(50, int), 1)[0]
    centred = scores.reshape(50, 8, 3) - scores.reshape(50, 8, 3).mean(1, keepdims=True)
    total = centred @ run.weights
    expected = [(centred[..., i] * weight * total).sum() / (total**2).sum() for i, weight in enumerate(run.weights)]
    assert shares == pytest.approx(expected) and shares.sum() == pytest.approx(1) and shares[1] < 0


def test_groups_without_variance_have_no_shares():
    run = run_of([[1], [1]], [1], [0, 0])
    assert np.isnan(variance_shares(run, groups_of(run), np.zeros(1, int), 1)).all()


@pytest.mark.parametrize(
    ("share", "size", "useful"),
    [(0.0, 8, 0.0), (1.0, 8, 0.0), (0.5, 2, 0.5), (0.5, 8, 1 - 2 / 256), (0.1, 4, 1 - 0.1**4 - 0.9**4)],
)
def test_the_predicted_share_of_useful_groups(share, size, useful):
    assert predicted_useful(np.array(share), np.array(size)) == pytest.approx(useful)


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        ([0, 1, 1], [0, 1, 1]),
        ([-1, 0.5, np.nan], [0, 1, np.nan]),
        ([1, 1, 1], [1, 1, 1]),
        ([0, 0, 0], [0, 0, 0]),
        ([1, 2, 2], [1, 1, 1]),
        ([0, 0.5, 1], None),
        ([np.nan] * 3, None),
    ],
)
def test_right_is_a_score_of_one_or_the_higher_of_two(scores, right):
    found = right_of(run_of([[score] for score in scores], [1], [0, 0, 0]), "a")
    assert (found is None) == (right is None)
    if right is not None:
        assert np.array_equal(found, np.array(right, float), equal_nan=True)


def test_seen_and_predicted_mixed_groups_by_step():
    run = run_of([[1], [1], [0], [0], [1], [0], [1], [0]], [1], [0, 0, 1, 1, 2, 2, 3, 3], steps=[1, 1, 1, 1, 2, 2, 2, 2])
    found = right_groups(run, groups_of(run), "a")
    assert {kind: mask.tolist() for kind, mask in found.kinds.items()} == {
        "all right": [True, False, False, False],
        "mixed": [False, False, True, True],
        "all wrong": [False, True, False, False],
    }
    assert found.predicted.tolist() == [0.5] * 4
