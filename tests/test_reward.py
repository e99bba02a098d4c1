"""Reward: what is refused when it is made, and how a scorer's result becomes safe to train on."""

import math
import pickle

import pytest
from pydantic import ValidationError

from rl_rewards import EvaluateResult, Gate, MetricResult, Outcome, Reward, parsers, reward_function, scorers
from rl_rewards.types.components import component_scores


@reward_function
def one(**kwargs):
    return 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name is letters"),
        ({"name": "a b"}, "got 'a b'"),
        ({"name": "a/b"}, "got 'a/b'"),
        ({"weight": math.nan}, "finite"),
        ({"weight": math.inf}, "finite"),
        ({"weight": "heavy"}, "valid number"),
        ({"clip": (1.0, 1.0)}, "lowest < highest"),
        ({"clip": (1.0, -1.0)}, "lowest < highest"),
        ({"on_error": "ignore"}, "'skip' or 'raise'"),
        ({"on_error": math.nan}, "finite"),
        ({"when": {"task": []}}, "'task' needs a value"),
        ({"when": {"task": None}}, "'task' needs a value"),
        ({"gate": {"reward": "other", "at_most": 1}}, "at_most"),
        ({"isolate": True, "timeout": 0}, "timeout must be more than 0 seconds, got 0"),
        ({"isolate": True, "memory_mb": 0}, "memory_mb must be at least 64"),
        ({"timeout": 0}, "need `isolate: true`"),
        ({"wieght": 1.0}, "wieght"),
        ({"score": {"string_mtach": {}}}, "string_match"),
        ({"score": 3}, "scorer"),
        ({"parse": {"tga": "answer"}}, "tag"),
        ({"parse": 3}, "parser"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_option_is_refused_when_the_reward_is_made(options, message):
    with pytest.raises(ValidationError, match=message):
        Reward(**{"name": "r", "score": one, **options})


def test_a_reward_takes_objects_or_a_files_spelling():
    spelled = Reward("r", {"string_match": {"equals": "{{references.answer}}"}}, {"tag": "answer"}, gate={"reward": "f", "at_least": 0.5})
    made = Reward("r", scorers.StringMatch(equals="{{references.answer}}"), parsers.Tag("answer"), gate=Gate("f", 0.5))
    assert spelled == made
    assert made.columns == {"answer"}
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.5, 0.5),
        (1, 1.0),
        (True, 1.0),
        (math.nan, "a finite number, got nan"),
        (math.inf, "a finite number, got inf"),
        (-math.inf, "a finite number, got -inf"),
        ("0.5", "must be a number, got str"),
        (b"1", "must be a number, got bytes"),
        ([1.0], "must be a number, got list"),
        (1j, "must be a number, got complex"),
        (10**400, "must be a number, got int"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_only_a_finite_number_is_a_score(score, expected):
    result = Reward("r", one).checked(EvaluateResult(score))
    if isinstance(expected, str):
        assert result.score is None and result.failed and expected in result.error
    else:
        assert result.score == expected and type(result.score) is float


def test_a_scalar_of_numpy_is_a_number_and_an_array_is_none():
    np = pytest.importorskip("numpy")
    checked = [Reward("r", one).checked(EvaluateResult(score)) for score in (np.float32(0.5), np.int64(2), np.array([1.0, 2.0]))]
    assert [result.score for result in checked] == [0.5, 2.0, None] and type(checked[0].score) is type(checked[1].score) is float
    assert "must be a number, got ndarray" in checked[2].error


@pytest.mark.parametrize(
    "make",
    [
        lambda np, torch: np.complex128(1 + 2j),
        lambda np, torch: np.complex64(1),
        lambda np, torch: np.array(1 + 0j),
        lambda np, torch: torch.tensor(1 + 0j),
        lambda np, torch: np.array("0.5"),
        lambda np, torch: np.array(b"1"),
        lambda np, torch: np.array("1", dtype=object),
        lambda np, torch: np.str_("1"),
        lambda np, torch: np.datetime64("2020-01-01"),
    ],
)
def test_text_and_complex_numbers_in_scalars_of_numpy_and_torch_are_no_scores(make):
    """numpy makes a number of each: the real part alone, or what the text says."""
    value = make(pytest.importorskip("numpy"), pytest.importorskip("torch"))
    assert "must be a number" in Reward("r", one).checked(EvaluateResult(value)).error
    assert "must be a number" in Reward("r", one).checked(EvaluateResult(1.0, metrics={"part": value})).error


@pytest.mark.parametrize("error", ["the judge did not answer", {"code": 503}, OSError("down")], ids=str)
def test_a_score_beside_an_error_is_a_failure_and_no_score(error):
    result = Reward("r", one).checked(EvaluateResult(0.0, error=error))
    assert result.failed and result.outcome is Outcome.ERROR and str(error) in result.error


@pytest.mark.parametrize("error", [None, "", False, {}])
def test_an_empty_error_is_none(error):
    assert Reward("r", one).checked(EvaluateResult(0.5, error=error)).score == 0.5


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.CRASHED, Outcome.UNPARSED, Outcome.UNSUPPORTED])
def test_a_score_that_the_policy_earned_by_its_fault_may_say_which(outcome):
    assert Reward("r", one).checked(EvaluateResult(0.0, error="ran out of time", outcome=outcome)).score == 0.0


@pytest.mark.parametrize("valid", ["no", "false", "", None, 2, 0.5, [True]], ids=repr)
def test_validity_is_true_or_false(valid):
    assert "is_score_valid must be true or false" in Reward("r", one).checked(EvaluateResult(1.0, is_score_valid=valid)).error


@pytest.mark.parametrize("value", [1.0, None, {"score": 1.0}, "x"])
def test_a_scorer_that_returns_something_else_has_failed(value):
    result = Reward("r", one).checked(value)
    assert result.failed and "a scorer must return EvaluateResults" in result.error


def test_a_score_that_the_scorer_calls_invalid_is_a_failure_with_its_reason():
    result = Reward("r", one).checked(EvaluateResult(0.0, "no user query", {"a": MetricResult(1.0)}, is_score_valid=False))
    assert result.failed and result.outcome is Outcome.ERROR
    assert result.error == "no user query" and result.metrics == {"a": MetricResult(1.0)}


def test_clip_bounds_a_score():
    reward = Reward("r", one, clip=(-1.0, 1.0))
    assert [reward.clipped(score) for score in (-3.0, -1.0, 0.5, 7.0)] == [-1.0, -1.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("when", "row", "applies"),
    [
        (None, {}, True),
        ({"task": "math"}, {"task": "math"}, True),
        ({"task": "math"}, {"task": "code"}, False),
        ({"task": "math"}, {}, False),
        ({"task": ["math", "logic"]}, {"task": "logic"}, True),
        ({"task": "math", "level": 3}, {"task": "math", "level": 3}, True),
        ({"task": "math", "level": 3}, {"task": "math", "level": 4}, False),
        ({"hard": True}, {"hard": True}, True),
    ],
)
def test_when_routes_rows(when, row, applies):
    assert Reward("r", one, when=when).applies_to(row) is applies


def test_components_are_finite_valid_numbers():
    results = [
        EvaluateResult(1.0, metrics={"a": MetricResult(1.0), "b": 0.5, "nan": math.nan}),
        EvaluateResult(1.0, metrics={"a": MetricResult(0.0), "invalid": MetricResult(1.0, is_score_valid=False), "text": "x"}),
    ]
    assert component_scores(results) == {"a": [1.0, 0.0], "b": [0.5]}


def plain(response):
    return 1.0


class Callable_:
    def __call__(self, response):
        return 1.0


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (plain, "got the function plain: decorate it with @rl_rewards.reward_function"),
        (lambda response: 1.0, "decorate it with @rl_rewards.reward_function"),
        (Callable_(), "got the function Callable_: decorate it"),
        (print, "got the function print: decorate it"),
        (scorers.StringMatch, r"got the class StringMatch: write StringMatch\(\.\.\.\)"),
    ],
)
def test_what_is_no_scorer_yet_is_refused_with_what_makes_it_one(score, message):
    with pytest.raises(ValidationError, match=message):
        Reward("r", score)


@pytest.mark.parametrize(
    "score",
    [
        {"http": "http://localhost:1"},
        {"remote_reward_model": {"url": "http://localhost:1", "api": "tei", "format": "text"}},
        {"judge": {"model": {"name": "m", "base_url": "http://localhost:1/v1"}, "criteria": [{"name": "good", "description": "Is it good?"}]}},
    ],
    ids=lambda score: next(iter(score)),
)
def test_a_scorer_that_calls_a_server_is_not_isolated(score):
    assert Reward("r", score).score.traits.calls_server
    with pytest.raises(ValueError, match="calls a server, with deadlines of its own: leave out `isolate`"):
        Reward("r", score, isolate=True)
