"""Warnings about simulated runs: what is planted is found, a healthy run is left alone, and every test of change has its truth table."""

import math
import sys
import warnings as python_warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording.rows import rows_of
from rl_rewards.recording.warnings import REMEDIES, RunWarning, StepCounter, find_warnings, variance_shares
from rl_rewards.recording.warnings.change import THRESHOLD, episodes, held, noise, normal_llr, rate_llr, running_floor, trailing_mean, wilson

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
from simulated_runs import HEALTHY, PLANTED, Shape, series_of, simulate

SHAPE = Shape(90, 8, 8)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_with_the_step_where_it_begins(name):
    kind, make = PLANTED[name]
    run, onset = make(SHAPE, np.random.default_rng(5))
    found = {each.kind: each for each in find_warnings(series_of(run, np.random.default_rng(6)))}
    assert kind in found, list(map(str, found.values()))
    warning = found[kind]
    assert warning.step is not None and abs(warning.step - onset) <= 20
    assert warning.numbers and all(math.isfinite(value) for value in warning.numbers.values()) and warning.remedy


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_is_left_alone(name):
    for seed in (50, 51):
        found = find_warnings(series_of(HEALTHY[name](SHAPE, np.random.default_rng(seed)), np.random.default_rng(seed)))
        assert [str(each) for each in found if each.severity == "warning"] == []


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.65])
def test_a_reward_for_some_groups_alone_is_not_said_to_apply_to_fewer(rate):
    """As with `when`: which prompts a step has is chance, and all completions of a group are skipped together."""
    for seed in range(6):
        run = replace(HEALTHY["normal learning"](Shape(150, 8, 8), np.random.default_rng(seed)), skipped=rate)
        assert [str(each) for each in find_warnings(series_of(run, np.random.default_rng(seed))) if each.kind == "skipped_rate"] == []


def test_what_python_warns_of_once_is_not_said_again_after_a_look():
    run, _ = PLANTED["errors jump"][1](SHAPE, np.random.default_rng(0))
    series = series_of(run, np.random.default_rng(1))
    with python_warnings.catch_warnings(record=True) as said:
        python_warnings.simplefilter("default")
        for _ in range(2):
            python_warnings.warn("deprecated", FutureWarning, stacklevel=1)
            find_warnings(series)
    assert [str(each.message) for each in said] == ["deprecated"]


def test_every_kind_is_planted_somewhere():
    assert {kind for kind, _ in PLANTED.values()} == set(REMEDIES)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind must be one of"):
        RunWarning("gremlins", None, 1, "")


def test_counts_do_not_depend_on_how_the_rows_arrive():
    """In one table, in batches of a step, or with a step's batches apart: as ranks and row groups have it."""
    run, _ = PLANTED["errors jump"][1](Shape(30, 4, 4), np.random.default_rng(0))
    table, log = simulate(run, np.random.default_rng(1))
    whole, parts = StepCounter(), StepCounter()
    whole.add(table)
    for start in range(0, table.num_rows, 4 * 4 * 4 // 2):  # half a step's groups
        parts.add(table.slice(start, 4 * 4 * 4 // 2))
    one, other = whole.series(log), parts.series(log)
    for name in (
        "rows",
        "unscorable",
        "groups",
        "total_sum",
        "mixed_sum",
        "mixed_groups",
        "length",
        "repeated",
        "low",
        "high",
        "at_high",
        "covariance",
    ):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), err_msg=name)
    assert find_warnings(one) == find_warnings(other)


def test_rows_of_the_recorder_are_counted():
    rubric = Rubric(
        [
            Reward("right", {"number_match": "answer"}, {"tag": "answer"}),
            Reward("brief", {"length_window": {"min_tokens": 1, "max_tokens": 4, "unit": "words"}}, weight=0.5),
        ]
    )
    counter = StepCounter()
    texts = ["<answer>4</answer>", "no", "<answer>4</answer>", "<answer>5</answer>"]
    samples = [Sample("2 + 2?", text, text, {"answer": "4"}, group=i // 2) for i, text in enumerate(texts)]
    for step in (1, 2):
        counter.add(rows_of(BatchContext(step, 0, True), rubric.evaluate(samples), 0, 0))
    counter.add(rows_of(BatchContext(2, 0, False), rubric.evaluate(samples), 0, 0))  # an evaluation is not counted
    series = counter.series()
    assert series.names == ("right", "brief") and series.steps.tolist() == [1, 2] and series.rows.tolist() == [4, 4]
    assert series.mean(0).tolist() == [0.5, 0.5] and series.counts["unparsed"][:, 0].tolist() == [1, 1]
    assert series.groups.tolist() == [2, 2] and series.repeated.tolist() == [0, 0]


def test_a_reward_that_joins_later_has_counts_from_then_on():
    counter = StepCounter()
    first, second = (Rubric([Reward(name, {"string_match": {"equals": "4"}}) for name in names]) for names in (["a"], ["a", "b"]))
    for step, rubric in ((1, first), (2, second)):
        counter.add(rows_of(BatchContext(step, 0, True), rubric.evaluate([Sample.from_row({"prompt": "q", "completion": "4"})]), 0, 0))
    series = counter.series()
    assert series.counts["rows"].tolist() == [[1, 0], [1, 1]] and math.isnan(series.low[0, 1]) and find_warnings(series) == []


def test_nothing_is_said_of_no_rows_and_of_few():
    assert find_warnings(StepCounter().series()) == []
    run, _ = PLANTED["the gate never opens"][1](Shape(2, 2, 2), np.random.default_rng(0))
    assert find_warnings(series_of(run, np.random.default_rng(0))) == []


def test_a_prefix_of_a_healthy_run_is_left_alone_too():
    table, log = simulate(HEALTHY["a gate that opens, a clip"](SHAPE, np.random.default_rng(3)), np.random.default_rng(3))
    for steps in (5, 20, 45):
        counter = StepCounter()
        counter.add(table.filter(pa.compute.less_equal(table["step"], steps)))
        assert [str(each) for each in find_warnings(counter.series(planned_steps=90))] == []


def test_rows_without_steps_have_warnings_without_steps():
    run, _ = PLANTED["identical rewards"][1](Shape(20, 8, 8), np.random.default_rng(0))
    table, _ = simulate(run, np.random.default_rng(0))
    table = table.set_column(0, "step", pa.nulls(table.num_rows, pa.int64())).set_column(4, "index", pa.array(np.arange(table.num_rows) // 4))
    counter = StepCounter()
    counter.add(table.set_column(3, "group", pa.array(np.arange(table.num_rows) // 32)))
    (warning,) = find_warnings(counter.series())
    assert warning.kind == "rewards_identical" and warning.step is None and (warning.reward, warning.other) == ("correct", "format")


def test_a_penalty_that_every_completion_pays_is_all_wrong_and_no_ceiling():
    run, _ = PLANTED["all right"][1](SHAPE, np.random.default_rng(1))
    table, _ = simulate(replace(run, weights=(-1.0, 0.0, 0.0)), np.random.default_rng(1))
    counter = StepCounter()
    counter.add(table)
    kinds = {each.kind for each in find_warnings(counter.series())}
    assert "groups_all_wrong" in kinds and not kinds & {"groups_all_right", "saturated"}


@pytest.mark.parametrize(
    "increments, expected",
    [
        ([0.0] * 10, []),
        ([-5.0] * 5 + [4.0] * 4, [(5, 8, None)]),
        ([4.0] * 4 + [-4.0] * 4, [(0, 3, 5)]),
        ([100.0, -1.0], []),  # one step alone, however large, is no alarm
        ([float("nan")] * 3 + [4.0] * 4, [(3, 6, None)]),
    ],
)
def test_episodes_of_a_sum(increments, expected):
    found = [(each.onset, each.alarm, each.end) for each in episodes(np.array(increments))]
    assert [(onset, alarm, end is None) for onset, alarm, end in found] == [(onset, alarm, end is None) for onset, alarm, end in expected]


def test_the_false_alarms_of_a_rate_are_as_rare_as_the_threshold_says():
    """1,000 courses of 500 steps at the rate that is fine: at most 1,000 * 500 / 10^6 = 0.5 alarms are expected."""
    rng = np.random.default_rng(0)
    alarms = sum(bool(episodes(rate_llr(rng.binomial(20, 0.05, 500) / 20, np.full(500, 20.0), 0.05, 0.2))) for _ in range(1000))
    assert alarms <= 3


def test_the_false_alarms_of_a_mean_are_as_rare_as_the_threshold_says():
    rng = np.random.default_rng(0)
    assert sum(held(normal_llr(rng.normal(0, 1, 500), 1.0, 0.0, 1.0)) is not None for _ in range(500)) <= 2
    assert math.exp(THRESHOLD) == pytest.approx(1e6)


def test_noise_is_that_of_the_steps_and_not_of_the_trend():
    rng = np.random.default_rng(0)
    values = np.linspace(0, 50, 2000) + rng.normal(0, 2.0, 2000)
    assert noise(values) == pytest.approx(2.0, rel=0.1) and noise(np.array([1.0])) == 0.0


def test_levels_and_means():
    assert trailing_mean(np.array([1.0, 3.0, np.nan, 5.0]), 2).tolist() == [1.0, 2.0, 3.0, 5.0]
    low, high = wilson(0.5, 100, 1.96)
    assert (float(low), float(high)) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # Brown, Cai and DasGupta (2001)
    floor = running_floor(np.array([0.5] * 10 + [0.0] * 10 + [0.9] * 10), np.full(30, 20.0))
    assert math.isnan(floor[2]) and floor[9] > 0.5 and floor[-1] < 0.06


def test_shares_of_the_variance_sum_to_one():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(500, 3)) * [1, 2, 0.5]
    covariance, weights = scores.T @ scores, np.array([1.0, 1.0, -2.0])
    shares = variance_shares(covariance, weights)
    assert shares.sum() == pytest.approx(1) and shares[1] == pytest.approx(4 / 6, abs=0.1)
    assert np.isnan(variance_shares(np.zeros((3, 3)), weights)).all()
