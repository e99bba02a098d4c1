"""A reward that is computed from the rubric's other rewards."""

import pickle

import pytest
from pydantic import ValidationError

from rl_rewards import EvaluateResult, Gate, Outcome, Reward, RewardError, Rubric, Sample, load_rubric, reward_function
from rl_rewards.checks import RubricDataError, check_routes
from rl_rewards.scorers import Formula


def given(name, **options):
    """A reward that scores each sample with the value in the column of its name, skips it or fails."""

    @reward_function
    def function(sample):
        value = sample.references[name]
        if value == "fail":
            raise RuntimeError("boom")
        return EvaluateResult.skip("not here") if value == "skip" else value

    return Reward(name, function, **options)


def evaluated(rubric, *rows):
    return rubric.evaluate([Sample("q", "a", "a", row, index=i) for i, row in enumerate(rows)])


def total(text, **options):
    return Reward("total", Formula(text), **options)


@pytest.mark.parametrize(
    ("text", "row", "score"),
    [
        ("a + b", {"a": 0.25, "b": 0.5}, 0.75),
        ("0.5 * a + 0.5 * b", {"a": 1.0, "b": 0.0}, 0.5),
        ("min(a, b) ^ 2", {"a": 0.5, "b": 2.0}, 0.25),
        ("a", {"a": -1.0, "b": 2.0}, -1.0),
    ],
)
def test_a_formula_scores_from_the_other_rewards_scores(text, row, score):
    rubric = Rubric([total(text), given("a", weight=0), given("b", weight=0)])
    evaluation = evaluated(rubric, row)
    assert evaluation.scores("total") == [score] and evaluation.totals() == [score]
    assert list(evaluation.columns) == ["total", "a", "b"]


def test_weights_do_not_count_in_a_formula_and_clips_do():
    rubric = Rubric([given("a", weight=3, clip=(0, 1)), total("a * 2", weight=10, clip=(0, 1.5))])
    evaluation = evaluated(rubric, {"a": 5.0})
    assert evaluation.columns["total"].raw == [2.0] and evaluation.scores("total") == [1.5]
    assert evaluation.columns["total"].clipped == 1 and evaluation.totals() == [3 + 15]


@pytest.mark.parametrize("on_error", ["skip", 0.0, 1.0])
def test_where_a_used_reward_failed_the_formula_has_failed_whatever_the_other_rewards_on_error(on_error):
    rubric = Rubric([given("a", weight=0, on_error=on_error), given("b", weight=0), total("a * 0 + b")])
    evaluation = evaluated(rubric, {"a": "fail", "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": "fail", "b": "skip"})
    outcomes = evaluation.columns["total"].outcomes
    assert outcomes == [Outcome.ERROR, Outcome.SCORED, Outcome.ERROR]
    assert evaluation.scores("total") == [None, 1.0, None] and evaluation.scorable == [False, True, False]
    assert "reward 'a', which it is computed from, failed here: RuntimeError: boom" in evaluation.columns["total"].results[0].error


def test_where_a_used_reward_does_not_apply_the_formula_does_not_apply():
    rubric = Rubric([given("a", weight=0, when={"kind": "x"}), given("b", weight=0), total("a + b")])
    evaluation = evaluated(rubric, {"a": 1.0, "b": 1.0, "kind": "x"}, {"a": 1.0, "b": 1.0, "kind": "y"}, {"a": 1.0, "b": "skip", "kind": "x"})
    assert evaluation.columns["total"].outcomes == [Outcome.SCORED, Outcome.SKIPPED, Outcome.SKIPPED]
    assert evaluation.scorable == [True, True, True]


def test_a_formula_applies_where_its_own_when_says():
    rubric = Rubric([given("a", weight=0), total("a", when={"kind": "x"})])
    evaluation = evaluated(rubric, {"a": 1.0, "kind": "y"}, {"a": 0.5, "kind": "x"})
    assert evaluation.columns["total"].scores == [None, 0.5]


def test_a_formula_without_a_finite_value_is_our_failure():
    rubric = Rubric([given("a", weight=0), given("b", weight=0), total("a / b")])
    evaluation = evaluated(rubric, {"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 2.0})
    assert evaluation.scores("total") == [None, 0.5]
    assert "has no value where a = 1, b = 0: the quotient of 1, 0 is no finite number" in evaluation.columns["total"].results[0].error
    with pytest.raises(RewardError, match="has no value"):
        evaluated(Rubric([given("a"), given("b"), total("a / b", on_error="raise")]), {"a": 1.0, "b": 0.0})


def test_formulas_and_gates_see_each_other_in_any_order():
    rubric = Rubric(
        [
            total("2 * late"),
            Reward("late", Formula("a + b"), weight=0, gate=Gate("a", 0.5)),
            given("a", weight=0),
            given("b", weight=0, gate=Gate("sum", 1.0)),
            Reward("sum", Formula("a + 0.5"), weight=0),
        ]
    )
    evaluation = evaluated(rubric, {"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 3.0}, {"a": 0.4, "b": 3.0})
    assert evaluation.columns["b"].scores == [3.0, 0.0, 0.0]
    assert evaluation.columns["late"].scores == [4.0, 0.0, 0.0]
    assert evaluation.columns["total"].scores == [8.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        (lambda: [given("a"), total("a + bb"), given("b")], "reward 'total' is computed from 'bb', which does not exist.*did you mean 'b'"),
        (lambda: [given("a-b"), total("a-b")], "'-' is the minus"),
        (lambda: [total("total")], "gates and formulas form a circle: total -> total"),
        (lambda: [total("x"), Reward("x", Formula("total"))], "gates and formulas form a circle: total -> x -> total"),
        (lambda: [total("x"), given("x", gate=Gate("total"))], "form a circle: total -> x -> total"),
        (lambda: [total("1 + 1")], "must name at least one reward"),
        (lambda: [total("a +"), given("a")], "expected a number"),
        (lambda: [total("a", isolate=True), given("a")], "isolate must be left out"),
        (lambda: [Reward("l", {"cosine_length": {"right": {"formula": "a"}, "max_tokens": 9}}), given("a")], "must hold a scorer of its own"),
    ],
)
def test_a_formula_that_cannot_be_computed_is_refused_at_load(rewards, message):
    with pytest.raises((ValidationError, ValueError), match=message):
        Rubric(rewards())


def test_a_rubric_file_has_formulas(tmp_path):
    path = tmp_path / "rubric.yaml"
    path.write_text(
        "rewards:\n- {name: right, weight: 0, score: {string_match: answer}}\n- {name: short, weight: 0, score: {length_window: {min_tokens: 1, max_tokens: 2, unit: words}}}\n"
        '- {name: total, score: {formula: "right * (1 + short) / 2"}}\n'
    )
    rubric = load_rubric(path)
    evaluation = rubric.evaluate([Sample.from_row({"prompt": "q", "completion": text, "answer": "a b c"}) for text in ("a b c", "a", "d e f")])
    assert evaluation.totals() == [0.5, 0.0, 0.0]
    rubric.save(tmp_path / "again.yaml")
    assert load_rubric(tmp_path / "again.yaml") == rubric == pickle.loads(pickle.dumps(rubric))
    path.write_text("rewards:\n- name: right\n  score: {string_match: answer}\n- name: total\n  score: {formula: right * rigth}\n")
    with pytest.raises(
        ValueError, match=r"rubric.yaml:5: rewards\[1\].score.formula: reward 'total' is computed from 'rigth', .*did you mean 'right'"
    ):
        load_rubric(path)
    path.write_text("rewards:\n- name: right\n  score: {string_match: answer}\n- name: total\n  score: {formula: right * (2}\n")
    with pytest.raises(ValueError, match=r"rubric.yaml:5: rewards\[1\].score.formula: expected '\)' at character 11"):
        load_rubric(path)


def test_a_formula_alone_says_that_it_needs_a_rubric():
    with pytest.raises(TypeError, match=r"needs the scores of \['a'\]"):
        Formula("a").score([], [])


def test_the_trainer_gets_the_formulas_column():
    rubric = Rubric([Reward("right", {"string_match": "answer"}, weight=0), total("1 - right")])
    functions = {function.__name__: function for function in rubric.reward_funcs}
    prompts, completions = ["q", "q"], ["4", "5"]
    assert functions["total"](prompts=prompts, completions=completions, answer=["4", "4"]) == [0.0, 1.0]


def test_rows_that_a_formulas_rewards_are_not_routed_to_are_named_before_training():
    rewards = [Reward("right", {"string_match": "answer"}, weight=0, when={"task": "sum"}), total("right * 2"), Reward("free", "repetition")]
    rows = [{"prompt": "q", "task": task, "answer": "4"} for task in ("sum", "smu", "sum")]
    with pytest.raises(RubricDataError, match=r"no reward handles task = 'smu' \(1 row\): `when` selects \{'right': \{'task': 'sum'\}\}"):
        check_routes(Rubric(rewards), rows)
    check_routes(Rubric(rewards), [row for row in rows if row["task"] == "sum"])
    check_routes(Rubric(rewards, unhandled="allow"), rows)
