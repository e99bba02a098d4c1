"""Differences are paired by prompt, hold failed rows apart, and never come from sides that do not fit together."""

import json
import math

import numpy as np
import pytest

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.comparing import CompareError, Condition, compare, condition
from rl_rewards.comparing.bootstrap import bootstrap_interval
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.tables.scored import scored_rows


def scored(prompt, score, reward="correct", completion="text", **columns):
    scores = {reward: score}
    return {"prompt": prompt, "completion": completion, **columns, "score": score, "scores": scores, "outcomes": dict.fromkeys(scores, "scored"),
            "reasons": dict.fromkeys(scores), "components": {reward: []}}  # fmt: skip


@pytest.fixture
def sides(tmp_path):
    def write(a, b):
        for name, rows in (("a.jsonl", a), ("b.jsonl", b)):
            (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")

    return write


def test_a_difference_is_the_mean_over_prompts_of_the_difference_of_their_means(sides):
    a = [scored("p", 1), scored("p", 0), scored("q", 0), scored("only a", 1)]
    b = [scored("q", 1), scored("p", 1), scored("p", 1), scored("p", 0), scored("only b", 0)]
    comparison = compare(*sides(a, b))
    found = comparison["correct"]
    assert (found.a, found.b, found.prompts) == (0.25, pytest.approx(5 / 6), 2)
    assert found.difference == pytest.approx((1 / 6 + 1) / 2, abs=1e-12)
    assert (found.better, found.worse, found.equal) == (1.0, 0.0, 0.0)
    assert (comparison.paired, comparison.only_a, comparison.only_b) == (2, 1, 1)


def test_a_row_without_a_score_is_left_out_and_counted(sides):
    comparison = compare(*sides([scored("p", 1), scored("p", None), scored("q", 1)], [scored("p", 0), scored("q", None)]))
    assert (comparison["correct"].difference, comparison["correct"].prompts) == (-1.0, 1)
    assert (comparison["correct"].failed_a, comparison["correct"].failed_b) == (1, 1)


def test_by_a_column_each_value_has_its_differences(sides):
    a = [scored(str(i), 0, task="odd" if i % 2 else "even") for i in range(20)]
    b = [scored(str(i), i % 2, task="odd" if i % 2 else "even") for i in range(20)]
    comparison = compare(*sides(a, b), by="task")
    assert {value: each[1].difference for value, each in comparison.by.items()} == {"even": 0.0, "odd": 1.0}
    assert sum(each[1].prompts for each in comparison.by.values()) == comparison["correct"].prompts == 20


def test_the_ten_prompts_that_changed_most_come_first_with_the_completions_that_show_it(sides):
    a = [scored(str(i), 0.5 if i else 1, completion="x") for i in range(30)] + [scored("0", 0, completion="bad"), scored("0", 1, completion="good")]
    b = [scored(str(i), 0.5 + i / 100 if i else -2, completion="y") for i in range(30)]
    [first, *others] = compare(*sides(a, b)).changed
    assert len(others) == 9
    assert (first.prompt, first.completion_a, first.completion_b, first.difference) == ("0", "x", "y", pytest.approx(-2 - 2 / 3))
    assert [change.prompt for change in others] == [str(i) for i in range(29, 20, -1)]


def test_prompts_of_messages_are_paired_whatever_the_order_of_their_keys(sides):
    a = [scored([{"role": "user", "content": "hi"}], 0)]
    b = [scored([{"content": "hi", "role": "user"}], 1)]
    assert compare(*sides(a, b))["correct"].difference == 1.0


@reward_function
def given(response, value):
    """The row's own value; of a row without one a failure."""
    return EvaluateResult.failure("error", "no value") if value is None else EvaluateResult(value)


def evaluation(values, rubric):
    samples = [
        Sample([{"role": "user", "content": f"q{i // 2}"}], f"text {i}", f"text {i}", {"value": value, "task": "t"}, index=i, group=i // 2)
        for i, value in enumerate(values)
    ]
    return samples, rubric.evaluate(samples)


def test_a_run_is_its_last_evaluation_or_that_of_a_step_and_compares_with_a_file(tmp_path):
    rubric = Rubric([Reward("given", given, weight=2.0)])
    recorder = RunRecorder(tmp_path / "run", rubric)
    recorder.begin(0, 0, 1)
    for step, values in ((0, [0.0, 0.0, 1.0, 0.0]), (5, [1.0, 1.0, 1.0, None])):
        samples, result = evaluation(values, rubric)
        recorder.record(BatchContext(step, 0, False), result)
        recorder.record(BatchContext(step, 0, True), result)
    recorder.finish()
    run = str(tmp_path / "run")
    found = compare(f"{run}@0", run, by="task")
    assert (found["given"].difference, found["total"].difference, found["given"].failed_b) == (0.75, 1.5, 1)
    assert found.by["t"][1].difference == 0.75
    rows = [{"prompt": sample.prompt, "completion": sample.completion, "value": 0} for sample in samples]
    (tmp_path / "file.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scored_rows(rows, result)))
    assert compare(run, tmp_path / "file.jsonl")["given"].difference == 0.0
    with pytest.raises(CompareError, match="must have an evaluation at step 3; there are 0, 5"):
        compare(f"{run}@3", run)


@pytest.mark.parametrize(
    ("a", "b", "by", "message"),
    [
        ([{"prompt": "p", "completion": "c"}], [scored("p", 1)], None, "a.jsonl:1: a scored row must have a column 'scores'"),
        ([scored("p", 1)], [scored("q", 1)], None, "must have prompts in common, got 1 in"),
        ([scored("p", 1)], [scored("p", 1, "other")], None, "must have a reward in common, got ['correct'] and ['other']"),
        ([scored("p", "high")], [scored("p", 1)], None, "the score of 'correct' must be a number or null, got 'high'"),
        ([scored("p", 1), scored("p", 1, "other")], [scored("p", 1)], None, "every row must have the scores ['correct'], row 2 has ['other']"),
        ([scored("p", 1, task="x")], [scored("p", 1, task="x")], "taks", "must name a column of the rows, got 'taks'; there are task; did you mean 'task'?"),
        ([scored(str(i), 1, n=i) for i in range(300)], [scored("1", 1, n=1)], "n", "at most 200 values, 'n' has more"),
        ([], [scored("p", 1)], None, "a.jsonl: no rows"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(sides, a, b, by, message):
    with pytest.raises(CompareError) as raised:
        compare(*sides(a, b), by=by)
    assert message in str(raised.value)


def test_an_unknown_reward_is_named_with_the_nearest(sides):
    with pytest.raises(CompareError, match=r"got 'corect'; there are total, correct; did you mean 'correct'\?"):
        compare(*sides([scored("p", 1)], [scored("p", 1)]))["corect"]


@pytest.mark.parametrize(
    ("text", "expected", "holds", "does_not"),
    [
        ("correct<-0.01", ("correct", "<", -0.01), -0.02, -0.01),
        (" a.b-c >= +1e-3 ", ("a.b-c", ">=", 0.001), 0.001, 0.0),
        ("total<=0", ("total", "<=", 0.0), 0.0, 0.1),
        ("x>.5", ("x", ">", 0.5), 0.6, 0.5),
        ("x<1.", ("x", "<", 1.0), 0.9, 1.0),
    ],
)
def test_conditions(text, expected, holds, does_not):
    assert condition(text) == Condition(*expected)
    assert condition(text).holds(holds) and not condition(text).holds(does_not)


@pytest.mark.parametrize(
    "text", ["", "correct", "correct<", "<0.1", "correct=0", "correct<x", "correct<<1", "correct<1e999", "a b<1", "correct<-0,01", "correct<1%"]
)
def test_other_conditions_are_refused(text):
    with pytest.raises(CompareError, match="a condition must be REWARD"):
        condition(text)


def test_an_interval_is_the_same_when_it_is_made_again_and_near_the_normal_one():
    gaps = np.random.default_rng(0).normal(0.1, 1.0, 500)
    low, high = bootstrap_interval(gaps)
    assert (low, high) == bootstrap_interval(gaps)
    half = 1.965 * gaps.std(ddof=1) / math.sqrt(500)
    assert (low, high) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=0.01)


def test_few_or_no_values_have_an_interval_too():
    assert bootstrap_interval(np.array([1.0])) == (None, None)
    assert bootstrap_interval(np.zeros(10)) == (0.0, 0.0)
    low, high = bootstrap_interval(np.array([0.0, 1.0]))
    assert low <= 0.0 and high >= 1.0


def planted(generator, shift, prompts=400, completions=4):
    """Differences of prompts of any difficulty; B is right more often by `shift`."""
    ease = generator.random(prompts) * (1 - shift)
    a, b = (generator.binomial(completions, chance) / completions for chance in (ease, ease + shift))
    return b - a


def test_null_pairs_are_found_different_about_as_often_as_the_level_says():
    generator = np.random.default_rng(3)
    cries = sum(not low <= 0 <= high for low, high in (bootstrap_interval(planted(generator, 0.0), 1000) for _ in range(200)))
    assert 3 <= cries <= 18


def test_a_planted_difference_is_found():
    generator = np.random.default_rng(4)
    intervals = [bootstrap_interval(planted(generator, 0.06), 1000) for _ in range(20)]
    assert sum(low > 0 for low, _ in intervals) >= 18
