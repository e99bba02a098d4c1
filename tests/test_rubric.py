"""Rubric: one evaluation for all rewards, gates, routes, failure policies."""

import logging
import pickle
import threading

import pytest
from pydantic import ValidationError

from rl_rewards import EvaluateResult, Gate, Outcome, Reward, RewardError, Rubric, Sample, reward_function
from rl_rewards.checks import RubricDataError, check_columns, check_dataset
from rl_rewards.parsers.base import Parser
from rl_rewards.scorers import Scorer


@reward_function
def number(parsed, **kwargs):
    return float(parsed)


def given(name, value, **options):
    """A reward that scores each sample with a value from its references."""

    @reward_function
    def function(sample):
        return sample.references[value]

    return Reward(name, function, **options)


def samples(*rows):
    return [Sample("q", "a", "a", row, index=i) for i, row in enumerate(rows)]


def scores(rubric, *rows):
    return {name: column.scores for name, column in rubric.evaluate(samples(*rows)).columns.items()}


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        ([], "at least one reward"),
        ([Reward("a", number), Reward("b", number), Reward("a", number)], "'a' is there more than once"),
        ([Reward("a", number, gate=Gate("b"))], "gated by 'b', which does not exist"),
        ([Reward("a", number, gate=Gate("a"))], "circle: a -> a"),
        ([Reward("a", number, gate=Gate("b")), Reward("b", number, gate=Gate("c")), Reward("c", number, gate=Gate("a"))], "a -> b -> c -> a"),
    ],
)
def test_a_wrong_rubric_is_refused_when_it_is_made(rewards, message):
    with pytest.raises(ValidationError, match=message):
        Rubric(tuple(rewards))


@pytest.mark.parametrize("options", [{"max_error_rate": 0}, {"max_error_rate": 1.5}, {"error_window": 0}, {"warn_after": -1}])
def test_thresholds_out_of_range_are_refused(options):
    with pytest.raises(ValidationError, match="above 0"):
        Rubric((Reward("a", number),), **options)


def test_the_total_is_the_weighted_sum_of_what_is_there():
    rubric = Rubric((given("a", "a", weight=0.5), given("b", "b", weight=2.0), given("m", "m", weight=0)))
    result = rubric.evaluate(samples({"a": 1.0, "b": 1.0, "m": 9.0}, {"a": 1.0, "b": None, "m": 9.0}, {"a": None, "b": None, "m": 9.0}))
    assert result.totals() == [2.5, 0.5, None]


def test_a_gate_lets_a_reward_count_only_where_another_reached_its_threshold():
    rubric = Rubric((given("r", "r", gate=Gate("g", 0.5)), given("g", "g")))
    rows = [{"r": 1.0, "g": 0.5}, {"r": 1.0, "g": 0.4}, {"r": -1.0, "g": 0.0}, {"r": 1.0, "g": None}, {"r": None, "g": 1.0}]
    assert scores(rubric, *rows)["r"] == [1.0, 0.0, 0.0, None, None]


def test_gates_may_follow_one_another_in_any_order():
    rubric = Rubric((given("a", "a", gate=Gate("b")), given("b", "b", gate=Gate("c")), given("c", "c")))
    assert scores(rubric, {"a": 1.0, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": 1.0, "c": 1.0}) == {"a": [0.0, 1.0], "b": [0.0, 1.0], "c": [0.0, 1.0]}


def test_a_gate_looks_at_the_clipped_score():
    rubric = Rubric((given("r", "r", gate=Gate("g", 2.0)), given("g", "g", clip=(0, 1))))
    assert scores(rubric, {"r": 1.0, "g": 5.0})["r"] == [0.0]


def test_rows_that_a_route_leaves_out_are_skipped_and_never_scored():
    touched = []

    @reward_function
    def touch(sample):
        touched.append(sample.index)
        return 1.0

    rubric = Rubric((Reward("math", touch, when={"task": "math"}), given("other", "x", when={"task": ["code", "logic"]})))
    result = rubric.evaluate(samples({"task": "math", "x": 2.0}, {"task": "code", "x": 2.0}, {"task": "math", "x": 2.0}))
    assert result.columns["math"].scores == [1.0, None, 1.0] and touched == [0, 2]
    assert [r.outcome for r in result.columns["other"].results] == [Outcome.SKIPPED, Outcome.SCORED, Outcome.SKIPPED]


@pytest.mark.parametrize(("policy", "score"), [("skip", None), (-0.5, -0.5), (0.0, 0.0)])
def test_on_error_says_what_the_trainer_gets_where_a_reward_failed(policy, score):
    result = Rubric((given("r", "x", on_error=policy),)).evaluate(samples({"x": 1.0}, {"x": float("nan")}, {"x": None}))
    assert result.columns["r"].scores == [1.0, score, None], "None is a skip, not a failure"
    assert result.columns["r"].results[1].score is None, "the record still says that there was no score"


def test_on_error_raise_names_the_reward_the_outcome_and_the_sample():
    with pytest.raises(RewardError, match=r"'r' failed with outcome 'error': a score must be a finite number, got inf; on Sample\(index=1"):
        Rubric((given("r", "x", on_error="raise"),)).evaluate(samples({"x": 1.0}, {"x": float("inf")}))


class Counting(Parser):
    def __init__(self):
        self.texts = []

    def parse(self, text):
        self.texts.append(text)
        return text

    def __eq__(self, other):
        return isinstance(other, Counting)


def test_rewards_with_equal_parsers_share_a_parse():
    first, second = Counting(), Counting()
    rubric = Rubric((Reward("a", number, first), Reward("b", number, second)))
    rubric.evaluate([Sample("q", "1", "1"), Sample("q", "2", "2")])
    assert first.texts == ["1", "2"] and second.texts == []


class Fragile(Parser):
    def parse(self, text):
        return text[0]


def test_a_parser_that_raises_is_our_failure_on_that_row_alone():
    column = Rubric((Reward("r", number, Fragile()),)).evaluate([Sample("q", "1", "1"), Sample("q", "", ""), Sample("q", "2", "2")]).columns["r"]
    assert column.scores == [1.0, None, 2.0]
    assert column.results[1].outcome is Outcome.ERROR and "the parser failed: IndexError" in column.results[1].error


def test_a_scorer_that_raises_fails_its_batch_and_no_other_reward():
    @reward_function(mode="batch")
    def raises(completions):
        raise OSError("disk gone")

    result = Rubric((Reward("bad", raises), given("good", "x"))).evaluate(samples({"x": 1.0}, {"x": 0.0}))
    assert result.columns["bad"].scores == [None, None] and result.columns["good"].scores == [1.0, 0.0]
    assert result.columns["bad"].results[0].error.startswith("OSError: disk gone (tests/test_rubric.py:")


def test_a_reward_that_hangs_is_named():
    named = threading.Event()

    class Waits(logging.Handler):
        def emit(self, record):
            if "'slow' is still scoring" in record.getMessage():
                named.set()

    @reward_function
    def slow(**kwargs):
        return float(named.wait(300))

    logger = logging.getLogger("rl_rewards.pipeline.hang_watch")
    handler = Waits()
    logger.addHandler(handler)
    try:
        assert Rubric((Reward("slow", slow),), warn_after=0.01).evaluate(samples({})).totals() == [1.0]
    finally:
        logger.removeHandler(handler)


def test_a_rubric_reads_like_a_sequence_and_by_name():
    rubric = Rubric((given("a", "a"), given("b", "b", weight=0)))
    assert len(rubric) == 2 and [r.name for r in rubric] == ["a", "b"] and rubric["b"].weight == 0
    assert rubric.reward_weights == [1.0, 0]
    with pytest.raises(KeyError, match="there are"):
        rubric["c"]


def test_a_rubric_pickles():
    rubric = Rubric((Reward("a", {"string_match": {"equals": "{{references.answer}}"}}),))
    assert pickle.loads(pickle.dumps(rubric)) == rubric


def test_columns_that_a_rubric_reads_must_exist():
    rubric = Rubric((Reward("a", {"string_match": {"equals": "{{references.answer}}"}}, when={"task": "math"}),))
    check_columns(rubric, ["prompt", "answer", "task"])
    with pytest.raises(RubricDataError, match=r"reward 'a' needs 'answer', 'task'; it has \['prompt', 'solution'\]"):
        check_columns(rubric, ["prompt", "solution"])


@pytest.mark.parametrize("name", ["prompts", "completions", "log_metric", "log_extra", "trainer_state"])
def test_columns_with_names_of_the_trainers_own_are_refused(name):
    with pytest.raises(RubricDataError, match=name):
        check_columns(Rubric((Reward("a", number),)), ["prompt", name])


def test_a_dataset_is_checked_before_training():
    datasets = pytest.importorskip("datasets")
    rubric = Rubric((given("a", "x", when={"task": "math"}), given("b", "x", when={"task": ["code"]}), given("c", "x", weight=0)))
    rows = {"prompt": ["p"] * 4, "task": ["math", "code", "maths", "maths"]}
    with pytest.raises(RubricDataError, match=r"no reward handles task = 'maths' \(2 rows\): `when` selects"):
        check_dataset(rubric, datasets.Dataset.from_dict(rows))
    check_dataset(rubric, datasets.Dataset.from_dict({name: values[:2] for name, values in rows.items()}))
    with pytest.raises(RubricDataError, match="empty"):
        check_dataset(rubric, datasets.Dataset.from_dict({"prompt": [], "task": []}))


def test_an_empty_batch_has_no_scores():
    result = Rubric((given("a", "a"),)).evaluate([])
    assert result.totals() == [] and result.columns["a"].scores == []


def test_results_of_the_wrong_number_are_a_failure():
    class Short(Scorer):
        def score(self, samples, answers):
            return [EvaluateResult(1.0)]

    column = Rubric((Reward("r", Short()),)).evaluate(samples({}, {})).columns["r"]
    assert column.scores == [None, None] and "returned 1 results for 2 samples" in column.results[0].error
