"""TRL's call: everything a trainer may pass, leave out or log, on plain lists. The trainers themselves are in test_trainers.py."""

import pickle
import threading

import pytest

from rl_rewards import EvaluateResult, Gate, MetricResult, Outcome, Reward, RewardError, Rubric, Sample, reward_function
from rl_rewards.checks import RubricDataError
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.trl import check_trainer, reward_functions


@reward_function
def right(response, answer):
    return float(response == answer)


@reward_function
def length(response):
    return EvaluateResult(float(len(response)), metrics={"letters": MetricResult(float(len(response)))})


class Groups(Scorer):
    """Scores each sample with its group."""

    @property
    def traits(self):
        return Traits(needs_groups=True)

    def score(self, samples, answers):
        return [EvaluateResult(float(sample.group)) for sample in samples]


RUBRIC = Rubric((Reward("right", right), Reward("length", length, weight=0)))


class Log:
    def __init__(self):
        self.metrics, self.columns = {}, {}

    def log_metric(self, name, value):
        self.metrics.setdefault(name, []).append(value)

    def log_extra(self, name, values):
        self.columns[name] = values

    @property
    def calls(self):
        return {"log_metric": lambda name, value: self.log_metric(name, value), "log_extra": lambda name, values: self.log_extra(name, values)}


def test_standard_and_conversational_batches_score_the_same():
    chat = lambda text: [{"role": "assistant", "content": text}]  # noqa: E731
    for completions in (["4", "5"], [chat("4"), chat("5")], [[*chat("?"), {"role": "tool", "content": "4"}, *chat("4")], chat("5")]):
        funcs = RUBRIC.reward_funcs
        assert [f(prompts=["q", "q"], completions=completions, answer=["4", "4"]) for f in funcs] == [[1.0, 0.0], [1.0, 1.0]]


def test_names_are_the_rewards_and_weights_are_in_their_order():
    assert [f.__name__ for f in RUBRIC.reward_funcs] == ["right", "length"]
    assert RUBRIC.reward_weights == [1.0, 0.0]


def counted(rubric_calls):
    @reward_function(mode="batch")
    def count(completions):
        rubric_calls.append(list(completions))
        return [1.0] * len(completions)

    return count


def test_a_batch_is_evaluated_once_for_all_reward_functions():
    calls = []
    count = counted(calls)
    first, second = Rubric((Reward("a", count), Reward("b", right))).reward_funcs
    for _ in range(2):  # the same list twice is two batches: a trainer may reuse its list
        batch = {"prompts": ["q"], "completions": ["4"], "answer": ["4"]}
        assert (first(**batch), second(**batch)) == ([1.0], [1.0])
    assert len(calls) == 2


def test_a_reward_function_that_is_used_alone_still_evaluates_every_batch():
    calls = []
    first, _ = Rubric((Reward("a", counted(calls)), Reward("b", right))).reward_funcs
    for completion in ("1", "2", "2"):
        first(prompts=["q"], completions=[completion], answer=["4"])
    assert calls == [["1"], ["2"], ["2"]]


@pytest.mark.parametrize("other", [["5"], ["04"], [4], [4.0], [None]], ids=repr)
def test_equal_texts_with_other_columns_are_another_batch(other):
    first, second = Rubric((Reward("a", right), Reward("b", right))).reward_funcs
    assert first(prompts=["q"], completions=["4"], answer=["4"]) == [1.0]
    assert second(prompts=["q"], completions=["4"], answer=other) == [0.0]


def test_columns_that_are_arrays_are_one_batch_for_all_functions():
    np = pytest.importorskip("numpy")
    calls = []
    first, second = Rubric((Reward("a", counted(calls)), Reward("b", counted(calls)))).reward_funcs
    values = [np.array([1, 2]), np.array([3, 4])]
    for function in (first, second):  # TRL makes one list for all functions; a caller of its own may make one for each
        function(prompts=["q"] * 2, completions=["4"] * 2, numbers=list(values))
    assert len(calls) == 2, "once for each reward"


def test_another_trainer_that_is_given_the_same_functions_is_checked_too():
    functions, first, second = RUBRIC.reward_funcs, Trainer(), Trainer()
    first.reward_funcs = second.reward_funcs = functions
    first.args.reward_weights = [1.0, 0.0]
    batch = {"prompts": ["q"] * 2, "completions": ["4"] * 2, "answer": ["4"] * 2}
    assert functions[0](**batch, log_metric=first.log_metric) == [1.0, 1.0]
    with pytest.raises(RewardError, match="pass reward_weights=rubric.reward_weights"):
        functions[0](**batch, log_metric=second.log_metric)


def test_failures_of_one_trainer_do_not_count_in_the_next():
    (function,) = Rubric((Reward("judge", fails_when({"bad"})),), error_window=4, error_min_rows=8).reward_funcs
    for _ in range(3):
        trainer = Trainer()
        for _ in range(3):
            assert function(prompts=["q"] * 2, completions=["bad", "bad"], log_metric=trainer.log_metric) == [None, None]


def test_reward_functions_may_be_called_from_threads():
    calls, columns = [], {}
    functions = Rubric((Reward("a", counted(calls)), Reward("b", right), Reward("c", length))).reward_funcs
    batch = {"prompts": ["q"] * 3, "completions": ["4", "44", "5"], "answer": ["4"] * 3}
    threads = [threading.Thread(target=lambda f=f: columns.setdefault(f.__name__, f(**batch))) for f in functions]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert columns == {"a": [1.0] * 3, "b": [1.0, 0.0, 0.0], "c": [1.0, 2.0, 1.0]} and len(calls) == 1


def test_they_pickle_together_and_share_their_evaluation_afterwards():
    rubric = Rubric((Reward("a", {"string_match": {"equals": "{{references.answer}}"}}), Reward("b", {"string_match": {"contains": "4"}})))
    first, second = pickle.loads(pickle.dumps(rubric.reward_funcs))
    batch = {"prompts": ["q"], "completions": ["4"], "answer": ["4"]}
    assert (first(**batch), second(**batch)) == ([1.0], [1.0])
    assert first._scoring is second._scoring


FIXED = {f"rewards/{{}}/{key}" for key in ("unparsed_rate", "error_rate", "timeout_rate", "skipped_rate", "clipped_rate", "min", "max", "seconds")}


def test_every_reward_logs_fixed_keys_and_its_components_on_every_step():
    log = Log()
    for completions in (["4", "55"], ["", ""]):
        for function in RUBRIC_FUNCS:
            function(prompts=["q", "q"], completions=completions, answer=["4", "4"], **log.calls)
    expected = {key.format(name) for name in ("right", "length") for key in FIXED} | {"rewards/length/components/letters", "rewards/unscorable_rows"}
    assert set(log.metrics) == expected
    assert all(len(values) == 2 for values in log.metrics.values())
    assert log.metrics["rewards/length/components/letters"] == [1.5, 0.0]
    assert log.metrics["rewards/right/max"] == [1.0, 0.0]


RUBRIC_FUNCS = RUBRIC.reward_funcs


def test_a_component_keeps_its_key_on_steps_without_a_value():
    @reward_function
    def sometimes(response):
        return EvaluateResult(1.0, metrics={"digits": 1.0} if response.isdigit() else {})

    log, (function,) = Log(), Rubric((Reward("s", sometimes),)).reward_funcs
    for completion in ("4", "x"):
        function(prompts=["q"], completions=[completion], **log.calls)
    first, second = log.metrics["rewards/s/components/digits"]
    assert first == 1.0 and second != second, "NaN, which TRL logs as None"


def test_rates_are_shares_of_the_rows_that_the_reward_applied_to():
    class Mixed(Scorer):
        def score(self, samples, answers):
            return [
                EvaluateResult(2.0),
                EvaluateResult(0.0, outcome=Outcome.UNPARSED),
                EvaluateResult(0.0, outcome=Outcome.TIMEOUT),
                EvaluateResult.failure(Outcome.TIMEOUT, "ours"),
            ]

    log, (function,) = Log(), Rubric((Reward("m", Mixed(), clip=(0, 1), when={"task": "m"}),)).reward_funcs
    assert function(prompts=["q"] * 5, completions=["a"] * 5, task=["m", "m", "x", "m", "m"], **log.calls) == [1.0, 0.0, None, 0.0, None]
    rates = {key.removeprefix("rewards/m/"): value for key, (value,) in log.metrics.items()}
    del rates["seconds"], rates["rewards/unscorable_rows"]
    assert rates == {
        "unparsed_rate": 0.25,
        "error_rate": 0.25,
        "timeout_rate": 0.5,
        "skipped_rate": 0.2,
        "clipped_rate": 0.25,
        "min": 0.0,
        "max": 1.0,
    }


def test_the_completions_table_gets_text_of_full_length_whatever_was_parsed():
    @reward_function
    def anything(parsed):
        return {"score": 1.0, "reason": "r" * 2000}

    rubric = Rubric((Reward("a", anything, {"json": {}}),))
    log = Log()
    rubric.reward_funcs[0](prompts=["q"] * 3, completions=['{"a": 1}', "no", '{"b": "\\ud800"}'], **log.calls)
    reason = "r" * 197 + "..."
    assert log.columns == {"rewards/detail": [f'a: {{"a": 1}}, {reason}', f"a: {reason}", f'a: {{"b": "?"}}, {reason}']}
    assert all(value.encode() for value in log.columns["rewards/detail"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"prompts": ["q"]}, TypeError, "needs `completions`"),
        ({"prompts": ["q"], "completions": ["a", "b"], "answer": ["4", "4"]}, ValueError, "'prompts' must hold one value for each of the 2"),
        ({"prompts": ["q"], "completions": ["a"], "answer": ["4", "5"]}, ValueError, "'answer' must hold .* got 2 values"),
        ({"prompts": ["q"], "completions": ["a"], "answer": "4"}, ValueError, "'answer' must hold .* got '4'"),
        ({"prompts": ["q"], "completions": ["a"], "answer": None}, ValueError, "'answer' must hold .* got None"),
        ({"completions": "abc", "answer": ["4"] * 3}, TypeError, "'completions' must be a list of texts, .* got str: 'abc'"),
        ({"completions": {"a": "4"}, "answer": ["4"]}, TypeError, "'completions' must be a list of texts, .* got dict"),
        (
            {"completions": [{"role": "assistant", "content": "4"}], "answer": ["4"]},
            TypeError,
            "a completion must be text or a list of messages, got dict",
        ),
        ({"completions": [[{"role": "model", "content": "4"}]], "answer": ["4"]}, ValueError, r"of role 'assistant', .* got roles \['model'\]"),
        ({"completions": [[{"content": "4"}]], "answer": ["4"]}, ValueError, r"of role 'assistant', .* got roles \[None\]"),
        ({"completions": [["4"]], "answer": ["4"]}, ValueError, r"of role 'assistant', .* got roles \['str'\]"),
        ({"prompts": ["q"], "completions": ["a"], "solution": ["4"]}, RubricDataError, r"'right' needs 'answer'; it has \['solution'\]"),
    ],
)
def test_a_call_that_does_not_fit_says_what_it_found(call, error, message):
    with pytest.raises(error, match=message):
        RUBRIC.reward_funcs[0](**call)


class Trainer:
    """What a reward function can see of a trainer through its bound `log_metric`."""

    def __init__(self, num_generations=2, training=True, **args):
        self.num_generations, self.num_generations_eval = num_generations, 3
        self.model = type("Model", (), {"training": training})
        self.args = type("Args", (), {"reward_weights": None, **args})
        self.train_dataset = self.eval_dataset = None
        self.reward_funcs = []

    def log_metric(self, name, value):
        pass


def test_groups_are_runs_of_num_generations_even_where_neighbours_have_one_prompt():
    (function,) = Rubric((Reward("g", Groups()),)).reward_funcs
    batch = {"prompts": ["q"] * 6, "completions": list("abcdef")}
    assert function(**batch, log_metric=Trainer(2).log_metric) == [0, 0, 1, 1, 2, 2]
    assert function(**batch, log_metric=Trainer(2, training=False).log_metric) == [0, 0, 0, 1, 1, 1]
    assert function(prompts=["q", "q", "r"], completions=["a", "b", "c"]) == [0, 0, 1], "a trainer that does not tell: equal neighbours"
    with pytest.raises(RewardError, match="6 completions.* splits groups of num_generations 4.*multiple of 4"):
        function(**batch, log_metric=Trainer(4).log_metric)


class Args:
    per_device_train_batch_size, steps_per_generation, num_generations, reward_weights = 2, 1, 4, None
    per_device_eval_batch_size, num_generations_eval, eval_strategy = 6, 3, "no"


def test_a_batch_that_splits_groups_is_refused_before_training():
    with pytest.raises(RewardError, match="per_device_train_batch_size 2 x steps_per_generation 1 on each of 2 processes.*multiple of 4: 4, 8, 12"):
        check_trainer(Rubric((Reward("g", Groups()),)), Args, 2)
    check_trainer(Rubric((Reward("r", right),)), Args, 2)


def test_evaluation_batches_that_split_groups_are_refused_before_training_with_their_own_setting_named():
    class Evaluates(Args):
        per_device_train_batch_size, per_device_eval_batch_size, eval_strategy = 4, 4, "steps"

    message = "per_device_eval_batch_size 4 on each of 3 processes.*groups of num_generations_eval 3; make per_device_eval_batch_size a multiple of 3"
    with pytest.raises(RewardError, match=message):
        check_trainer(Rubric((Reward("g", Groups()),)), Evaluates, 3)
    Evaluates.per_device_eval_batch_size = 6
    check_trainer(Rubric((Reward("g", Groups()),)), Evaluates, 3)


def test_groups_are_found_by_their_prompt_in_any_order():
    (function,) = Rubric((Reward("g", Groups()),)).reward_funcs
    assert function(prompts=["q", "r", "q", "r"], completions=list("abcd")) == [0, 1, 0, 1], "OnlineDPO's order"
    chat = [[{"role": "user", "content": text}] for text in "qrqr"]
    assert function(prompts=chat, completions=list("abcd")) == [0, 1, 0, 1]


class Room:
    def __init__(self, doors):
        self.doors = doors


@reward_function
def doors(environments):
    return float(environments.doors)


@reward_function
def doors_if_there(environments=None):
    return -1.0 if environments is None else float(environments.doors)


@reward_function
def doors_of_all(**kwargs):
    return float(kwargs["environments"].doors)


@reward_function(mode="batch")
def doors_of_a_batch(environments):
    return [float(room.doors) for room in environments]


@pytest.mark.parametrize("function", [doors, doors_if_there, doors_of_all, doors_of_a_batch])
def test_a_function_is_given_the_environment_of_its_row(function):
    (reward,) = Rubric((Reward("doors", function),)).reward_funcs
    rooms = [Room(2), Room(5)]
    assert reward(prompts=["q", "q"], completions=["a", "b"], environments=rooms) == [2.0, 5.0]


def test_forgotten_weights_are_refused_since_a_metric_would_be_trained_on():
    with pytest.raises(RewardError, match=r"has no reward_weights.*'length' 1 instead of 0; pass reward_weights=rubric.reward_weights"):
        check_trainer(RUBRIC, Args, 1)
    functions, trainer = RUBRIC.reward_funcs, Trainer()
    trainer.reward_funcs = functions
    with pytest.raises(RewardError, match="pass reward_weights=rubric.reward_weights"):
        functions[0](prompts=["q"] * 2, completions=["4"] * 2, answer=["4"] * 2, log_metric=trainer.log_metric)
    trainer.args.reward_weights = [1.0, 0.0]
    functions[0](prompts=["q"] * 2, completions=["4"] * 2, answer=["4"] * 2, log_metric=trainer.log_metric)


def fails_when(rows):
    @reward_function
    def function(response):
        if response in rows:
            raise OSError("server down")
        return 1.0

    return function


def test_a_failing_reward_stops_the_run_and_says_what_and_where():
    (function,) = Rubric((Reward("judge", fails_when({"bad"})),), error_window=4, error_min_rows=8).reward_funcs
    good, bad = {"prompts": ["q"] * 2, "completions": ["a", "a"]}, {"prompts": ["q"] * 2, "completions": ["bad", "bad"]}
    for _ in range(4):
        function(**good)
    for _ in range(3):
        assert function(**bad) == [None, None], "75 % of the last four batches"
    with pytest.raises(
        RewardError, match="'judge' failed on 8 of 8 rows over the last 4 batches.*80%.*'error', OSError: server down .*; completion 'bad'"
    ):
        function(**bad)


def test_a_metric_that_fails_does_not_stop_the_run():
    (function,) = Rubric((Reward("m", fails_when({"bad"}), weight=0),)).reward_funcs
    assert function(prompts=["q"], completions=["bad"]) == [None]


def test_the_record_is_given_every_batch_once():
    seen = []
    functions = reward_functions(
        Rubric((Reward("right", right, gate=Gate("length", 1.0)), Reward("length", length))), lambda *record: seen.append(record)
    )
    state = type("State", (), {"global_step": 7})
    for function in functions:
        function(prompts=["q"], completions=["4"], answer=["4"], trainer_state=state, completion_ids=[[1, 2]])
    ((batch, result),) = seen
    assert (batch.step, batch.rank, batch.training) == (8, 0, True)
    assert isinstance(result.samples[0], Sample) and result.samples[0].completion_ids == [1, 2] and result.totals() == [2.0]


def test_a_reward_alone_is_a_rubric_of_one():
    reward = Reward("right", right)
    log = Log()
    assert reward.__name__ == "right"
    assert reward(prompts=["q", "q"], completions=["4", "5"], answer=["4", "4"], **log.calls) == [1.0, 0.0]
    assert log.metrics["rewards/right/max"] == [1.0]


@reward_function
def ids_counted(completion_ids: list[int]) -> float:
    return float(len(completion_ids))


@pytest.mark.parametrize("score", [{"soft_overlong": {"max_tokens": 8, "buffer_tokens": 2}}, {"repetition": {}}, ids_counted], ids=str)
def test_a_caller_without_token_ids_is_refused_before_a_reward_counts_them(score):
    [function] = Rubric((Reward("length", score),)).reward_funcs
    with pytest.raises(RubricDataError, match=r"token ids \(completion_ids\) for the rewards \['length'\], got none"):
        function(prompts=["q"], completions=["a"])
    assert function(prompts=["q"], completions=["a"], completion_ids=[[1]]) != [None]


def test_a_caller_without_token_ids_may_count_words():
    [function] = Rubric((Reward("length", {"repetition": {"unit": "words"}}),)).reward_funcs
    assert function(prompts=["q"], completions=["a"]) == [0.0]


@pytest.mark.parametrize(
    ("make", "warns"),
    [
        (lambda: [right, length], False),
        (lambda: [Reward("a", right), Reward("b", length)], False),
        (lambda: [right, *Rubric((Reward("b", length),)).reward_funcs], True),
        (lambda: [right, lambda completions, **columns: [0.0] * len(completions)], True),
        (lambda: [right], False),
        (lambda: Rubric((Reward("a", right), Reward("b", length))).reward_funcs, False),
    ],
)
def test_functions_that_no_rubric_holds_together_are_warned_of_once(make, warns, caplog):
    """A row on which one of them fails is trained on with the scores of the others."""
    trainer = Trainer()
    trainer.reward_funcs = make()
    trainer.reward_func_names = [getattr(function, "__name__", "plain") for function in trainer.reward_funcs]
    for function in trainer.reward_funcs:
        function(prompts=["q"] * 2, completions=["4"] * 2, answer=["4"] * 2, trainer_state=None, log_metric=trainer.log_metric)
    assert sum("put them into one rubric" in record.getMessage() for record in caplog.records) == warns


@pytest.mark.parametrize("make", [lambda failing: [failing, length], lambda failing: [Reward("a", failing), Reward("b", length)]])
def test_a_row_on_which_one_of_a_trainers_functions_fails_has_no_score_of_the_others(make):
    trainer = Trainer()
    trainer.reward_funcs = make(fails_when({"bad"}))
    batch = {"prompts": ["q"] * 4, "completions": ["a", "bad", "bb", "c"], "log_metric": trainer.log_metric}
    for _ in range(2):
        assert [function(**batch) for function in trainer.reward_funcs] == [[1.0, None, 1.0, 1.0], [1.0, None, 2.0, 1.0]]


def test_a_metric_among_a_trainers_functions_may_fail():
    trainer = Trainer()
    trainer.reward_funcs, trainer.args.reward_weights = [fails_when({"bad"}), length], [0.0, 1.0]
    batch = {"prompts": ["q"] * 2, "completions": ["a", "bad"], "log_metric": trainer.log_metric}
    assert [function(**batch) for function in trainer.reward_funcs] == [[1.0, None], [1.0, 3.0]]
