"""Seconds of single rows: what took long is known of the row where that can be measured, and no score depends on it."""

import asyncio
import math
import pickle
import time

import pytest

from rl_rewards import EvaluateResult, Outcome, Reward, Rubric, Sample, reward_function
from rl_rewards.types import MetricResult

RIGHT = EvaluateResult(1.0)


def samples(*completions, **columns):
    return [Sample.from_row({"prompt": "?", "completion": text, "answer": "4", **columns}, i) for i, text in enumerate(completions)]


def column(rewards, *completions, **columns):
    rewards = rewards if isinstance(rewards, list) else [rewards]
    return Rubric(rewards).evaluate(samples(*completions, **columns)).columns[rewards[-1].name]


def seconds(found):
    return [result.seconds for result in found.results]


@reward_function
def counted(response: str):
    """Works as long as the response asks for, and says for how long it did."""
    start = time.perf_counter()
    total = sum(range(int(response)))
    return EvaluateResult(float(total > -1), metrics={"spent": MetricResult(time.perf_counter() - start)})


@reward_function
async def awaited(response: str):
    start = time.perf_counter()
    await asyncio.sleep(float(response))
    return EvaluateResult(1.0, metrics={"spent": MetricResult(time.perf_counter() - start)})


@reward_function
def constant(response: str):
    return RIGHT


@reward_function
def undecided(response: str):
    """An awaitable of a function that is none."""
    return awaited.__wrapped__(response)


@reward_function(isolate=True, timeout=0.5)
def hangs(response: str):
    while response == "hang":
        pass
    return 1.0


@reward_function(mode="batch")
def whole_batch(completions):
    return [1.0] * len(completions)


def spent(found):
    return [result.metrics["spent"].score for result in found.results]


@pytest.mark.parametrize(
    ("score", "options", "completions"),
    [
        pytest.param(counted, {}, ("10", "200000", "5"), id="rule"),
        pytest.param(counted, {"isolate": True}, ("10", "200000", "5", "7", "8"), id="workers"),
        pytest.param(awaited, {}, ("0.01", "0", "0.02"), id="async"),
        pytest.param(undecided, {}, ("0.01", "0"), id="awaitable"),
    ],
)
def test_a_rows_seconds_are_those_that_its_scoring_took(score, options, completions):
    found = column(Reward("r", score, **options), *completions)
    for own, inside in zip(seconds(found), spent(found), strict=True):
        assert inside <= own <= found.seconds


def test_seconds_of_rules_do_not_add_up_to_more_than_the_batch():
    found = column(Reward("r", counted), *["1000"] * 20)
    assert 0 < sum(seconds(found)) <= found.seconds


@pytest.mark.parametrize(
    "score",
    [
        pytest.param({"string_match": "answer"}, id="string"),
        pytest.param({"number_match": "answer"}, id="number"),
        pytest.param({"math_verify": "answer"}, id="mathematics"),
        pytest.param({"regex_match": {"pattern": "4"}}, id="pattern"),
        pytest.param({"repetition": {}}, id="repetition"),
        pytest.param({"python_tests": "tests"}, id="programs"),
        pytest.param({"cosine_length": {"right": {"string_match": "answer"}, "max_tokens": 9, "unit": "characters"}}, id="length-of-right"),
    ],
)
def test_every_row_of_a_kind_that_scores_rows_has_seconds(score):
    completions = ("4", "x^2 + 2x", "def f():\n    return 4", "")
    found = column(Reward("r", score), *completions, tests=["assert f() == 4"])
    assert all(own is not None and 0 <= own <= found.seconds for own in seconds(found)), seconds(found)


@pytest.mark.parametrize(
    "score",
    [
        pytest.param(whole_batch, id="function-of-a-batch"),
        pytest.param({"length_window": {"min_tokens": 1, "max_tokens": 3, "unit": "characters"}}, id="lengths"),
    ],
)
def test_rows_that_are_scored_together_have_none(score):
    found = column(Reward("r", score), "a", "bb")
    assert seconds(found) == [None, None] and found.seconds > 0


def test_one_result_for_several_rows_keeps_each_rows_own_seconds():
    first, second = column(Reward("r", constant), "a", "b"), column(Reward("r", constant), "c")
    kept = seconds(first)
    assert len({id(result) for result in [*first.results, *second.results]}) == 3
    assert all(own > 0 for own in [*kept, *seconds(second)]) and seconds(first) == kept


def test_a_row_that_was_killed_took_its_timeout_and_its_neighbours_did_not():
    found = column(Reward("r", hangs), "a", "hang", "b")
    assert [result.outcome for result in found.results] == [Outcome.SCORED, Outcome.TIMEOUT, Outcome.SCORED]
    assert found.results[1].seconds >= 0.5 and found.results[1].seconds <= found.seconds


def test_a_row_that_is_equal_to_another_was_not_scored_again():
    once = reward_function(counted.__wrapped__, pure=True)
    own = seconds(column(Reward("r", once), "1000", "1000", "2000", "1000"))
    assert own[0] > 0 and own[2] > 0 and own[1] == own[3] == 0.0


@reward_function
def no_number(response: str):
    return EvaluateResult(math.nan)


@reward_function
def raises(response: str):
    raise ValueError("no")


def test_failed_rows_and_those_behind_a_closed_gate_keep_their_seconds():
    for reward in (Reward("r", no_number), Reward("r", raises)):
        found = column(reward, "1")
        assert found.results[0].failed and found.results[0].seconds > 0
    found = column([Reward("broken", raises), Reward("r", counted, gate={"reward": "broken"})], "10")
    assert found.results[0].failed and found.results[0].seconds >= found.results[0].metrics["spent"].score


def test_rows_that_a_reward_does_not_apply_to_have_none():
    found = column(Reward("r", counted, when={"answer": "5"}), "10")
    assert [(result.outcome, result.seconds) for result in found.results] == [(Outcome.SKIPPED, None)]


def test_seconds_are_no_field_and_travel_with_a_result():
    result, slow = EvaluateResult(1.0, "why"), EvaluateResult(1.0, "why")
    slow.seconds = 2.5
    assert slow == result and slow.model_dump() == result.model_dump() and "seconds" not in slow and "seconds" not in repr(slow)
    assert pickle.loads(pickle.dumps(slow)).seconds == 2.5 and pickle.loads(pickle.dumps(result)).seconds is None
    failed = EvaluateResult.failure(Outcome.ERROR, "no", ValueError("deep"))
    failed.seconds = 1.0
    again = pickle.loads(pickle.dumps(failed))
    assert again.seconds == 1.0 and "deep" in str(again.cause)
