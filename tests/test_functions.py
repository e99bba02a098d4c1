"""@reward_function: what a user's Python function receives, may return, and may do wrong."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle

import pytest

from rl_rewards import EvaluateResult, Message, MetricResult, Outcome, Reward, Rubric, Sample, reward_function

CHAT = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


def sample(response="4", **references):
    return Sample([CHAT[0]], [{"role": "assistant", "content": response}], response, references)


def score(function, *samples, parsed=None):
    return function.score(samples, [parsed] * len(samples))


@reward_function
def contains_answer(messages: list[Message], answer, **kwargs) -> float:
    return float(answer in messages[-1].content)


@reward_function
def builtin_list(messages: list[Message]):
    return isinstance(messages[0], Message)


@reward_function
def typing_list(messages: list[Message], **kwargs):
    return isinstance(messages[0], Message)


@reward_function
def optional(messages: list[Message] | None = None, **kwargs):
    return isinstance(messages[0], Message)


@reward_function
def union(messages: list[Message] | list[dict], **kwargs):
    return isinstance(messages[0], Message)


@reward_function
def piped(messages: list[Message] | None, original_messages: list[Message] | None = None, **kwargs):
    return isinstance(messages[0], Message) and (original_messages is None or isinstance(original_messages[0], Message))


@reward_function
def unannotated(messages, **kwargs):
    return isinstance(messages[0], dict)


@pytest.mark.parametrize("function", [builtin_list, typing_list, optional, union, piped, unannotated], ids=lambda f: f.__name__)
def test_annotations_say_who_receives_messages(function):
    assert function(messages=CHAT).score == 1.0
    assert score(function, sample())[0].score == 1.0


def test_a_decorated_function_is_still_called_directly():
    assert contains_answer(messages=CHAT, answer="4").score == 1.0
    assert contains_answer(CHAT, "5").score == 0.0
    assert contains_answer.__name__ == "contains_answer"
    with pytest.raises(TypeError, match="answer"):
        contains_answer(messages=CHAT)


def test_it_receives_what_it_names_and_the_columns():
    seen = {}

    @reward_function
    def everything(prompt, completion, response, parsed, sample, completion_ids, step, group, original_messages, answer, **columns):
        seen.update(locals())
        return 1.0

    row = Sample("q", "the 4", "the 4", {"answer": "4", "task": "sum"}, [1, 2], 3, 7)
    assert everything.score([row], ["4"])[0].score == 1.0
    assert (seen["prompt"], seen["completion"], seen["response"], seen["parsed"]) == ("q", "the 4", "the 4", "4")
    assert (seen["completion_ids"], seen["step"], seen["group"], seen["answer"]) == ([1, 2], 7, 3, "4")
    assert seen["columns"] == {"task": "sum"}
    assert seen["original_messages"] == [{"role": "user", "content": "q"}] and seen["sample"] is row
    assert everything.traits.columns == {"answer"}


@pytest.mark.parametrize(
    ("value", "expected", "outcome"),
    [
        (EvaluateResult(0.25), 0.25, Outcome.SCORED),
        ({"score": 0.5, "reason": "half"}, 0.5, Outcome.SCORED),
        (0.75, 0.75, Outcome.SCORED),
        (True, 1.0, Outcome.SCORED),
        (2, 2.0, Outcome.SCORED),
        (None, None, Outcome.SKIPPED),
        ("0.5", None, Outcome.ERROR),
        ([1.0], None, Outcome.ERROR),
        ({"reason": "no score"}, None, Outcome.ERROR),
        ({"score": 1.0, "scroe": 1.0}, None, Outcome.ERROR),
        (1j, None, Outcome.ERROR),
        (b"1", None, Outcome.ERROR),
        ({0.5}, None, Outcome.ERROR),
    ],
    ids=repr,
)
def test_what_a_function_may_return(value, expected, outcome):
    @reward_function
    def function(**kwargs):
        return value

    result = score(function, sample())[0]
    assert (result.score, result.outcome) == (expected, outcome)


def test_a_dict_result_keeps_its_components():
    @reward_function
    def function(**kwargs):
        return {"score": 0.5, "metrics": {"a": {"score": 1.0, "reason": "why"}, "b": 0.25}}

    assert score(function, sample())[0].metrics == {"a": MetricResult(1.0, "why"), "b": 0.25}


def test_an_exception_costs_its_row_and_keeps_its_reason():
    results = score(contains_answer, sample(answer="4"), sample(answer=4), sample(answer="4"))
    assert [r.score for r in results] == [1.0, None, 1.0]
    assert results[1].failed and "TypeError" in results[1].error


def test_batch_mode_receives_lists_and_its_length_is_checked():
    @reward_function(mode="batch")
    def lengths(rollouts_messages: list[list[Message]], answer, **kwargs):
        assert all(isinstance(m, Message) for chat in rollouts_messages for m in chat)
        return [len(chat[-1].content) + len(a) for chat, a in zip(rollouts_messages, answer)]

    assert [r.score for r in score(lengths, sample("abc", answer="x"), sample("abcde", answer="xy"))] == [4.0, 7.0]
    assert [r.score for r in lengths(rollouts_messages=[CHAT, CHAT], answer=["", "a"])] == [1.0, 2.0]

    @reward_function(mode="batch")
    def short(completions, **kwargs):
        return [1.0]

    with pytest.raises(ValueError, match="returned 1 results for a batch of 2"):
        score(short, sample(), sample())
    column = Rubric((Reward("short", short),)).evaluate([sample(), sample()]).columns["short"]
    assert column.scores == [None, None] and "1 results for a batch of 2" in column.results[0].error


def test_a_plain_trl_reward_function_is_wrapped_as_it_is():
    def trl_style(prompts, completions, answer, **kwargs):
        return [None if a is None else float(a in c[0]["content"]) for c, a in zip(completions, answer)]

    results = score(reward_function(trl_style, mode="batch"), sample("4", answer="4"), sample("5", answer="4"), sample(answer=None))
    assert [r.score for r in results] == [1.0, 0.0, None] and results[2].outcome is Outcome.SKIPPED


def test_async_functions_overlap():
    started, gate = [], asyncio.Event()

    @reward_function
    async def waits(response, **kwargs):
        started.append(response)
        if len(started) == 3:
            gate.set()
        await gate.wait()  # would never end if one sample waited for the one before
        return 1.0

    assert [r.score for r in score(waits, sample("a"), sample("b"), sample("c"))] == [1.0, 1.0, 1.0]


def test_an_async_function_is_awaited_when_called_directly():
    @reward_function
    async def one(messages: list[Message], **kwargs):
        return isinstance(messages[0], Message)

    assert asyncio.run(one(messages=CHAT)).score == 1.0


def test_concurrency_bounds_the_calls_in_flight():
    running, most = 0, 0

    @reward_function(concurrency=2)
    async def counted(**kwargs):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return 1.0

    score(counted, *[sample() for _ in range(10)])
    assert most == 2


def test_async_rewards_of_a_rubric_run_beside_each_other_and_inside_a_running_loop():
    met = {}

    def meeting(me, other):
        async def function(**kwargs):
            met.setdefault(me, asyncio.Event()).set()
            await met.setdefault(other, asyncio.Event()).wait()
            return 1.0

        function.__name__ = me
        return reward_function(function)

    rubric = Rubric((Reward("a", meeting("a", "b")), Reward("b", meeting("b", "a"))))

    async def in_a_loop():
        return rubric.evaluate([sample()]).totals()

    assert asyncio.run(in_a_loop()) == [2.0]


def test_it_pickles_by_reference():
    assert pickle.loads(pickle.dumps(contains_answer)) is contains_answer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reward_function(lambda x, /: 1.0), "by name"),
        (lambda: reward_function(lambda *args: 1.0), "by name"),
        (lambda: reward_function(lambda: 1.0, mode="btach"), "'pointwise' or 'batch', got 'btach'"),
        (lambda: reward_function(lambda: 1.0, concurrency=0), "at least 1"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_function_is_a_trl_reward_function_by_itself():
    scores = contains_answer(prompts=[[CHAT[0]]] * 2, completions=[[CHAT[1]], [{"role": "assistant", "content": "5"}]], answer=["4", "4"])
    assert scores == [1.0, 0.0]


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "when awaited"])
def test_coroutines_of_a_batch_of_the_wrong_length_are_refused_and_closed(waits):
    made = []

    async def value():
        return 1.0

    async def later():
        return made

    @reward_function(mode="batch")
    def too_few(response):
        made.append(value())
        return later() if waits else made

    with pytest.raises(ValueError, match="returned 1 results for a batch of 2"):
        score(too_few, sample("a"), sample("b"))
    assert inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED


def test_an_async_functions_timeout_costs_its_sample_alone():
    @reward_function(timeout=0.05)
    async def waits(response, **kwargs):
        if response == "hang":
            await asyncio.Event().wait()
        return 1.0

    results = score(waits, sample("a"), sample("hang"), sample("b"))
    assert [r.score for r in results] == [1.0, None, 1.0]
    assert results[1].outcome is Outcome.TIMEOUT and "0.05 s" in results[1].error


def test_limits_that_cannot_be_kept_are_refused():
    with pytest.raises(ValueError, match="need isolate=True"):
        reward_function(timeout=1.0)(lambda response: 1.0)
    with pytest.raises(ValueError, match="need `isolate: true`"):
        Reward("r", contains_answer, timeout=1.0)


@reward_function(isolate=True, timeout=2.0, memory_mb=512)
def spins(response):
    while response == "hang":
        pass
    return 1.0


def test_an_isolated_function_that_hangs_loses_its_sample_alone():
    column = Rubric((Reward("spins", spins),)).evaluate([sample("a"), sample("hang"), sample("b")]).columns["spins"]
    assert column.scores == [1.0, None, 1.0] and column.results[1].outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("isolate", [False, True])
def test_a_pure_function_scores_equal_samples_once(isolate):
    rubric = Rubric((Reward("counted", counted_isolated if isolate else counted_here),))
    rows = [sample("a", x=1), sample("b", x=1), sample("a", x=1), sample("a", x=2), sample("a", x=1)]
    scores = rubric.evaluate(rows).columns["counted"].scores
    assert scores[0] == scores[2] == scores[4] and len({*scores}) == 3


CALLS = iter(range(10**6))


@reward_function(pure=True)
def counted_here(**kwargs):
    return next(CALLS)


@reward_function(pure=True, isolate=True)
def counted_isolated(**kwargs):
    return os.getpid() * 1e6 + next(CALLS)


def test_a_function_can_ask_for_the_reasoning_wherever_it_came_from():
    from rl_rewards.types import Sample, response_of

    @reward_function
    def thoughtful(reasoning):
        return float(reasoning == "hm")

    apart = [{"role": "assistant", "reasoning_content": "hm", "content": "4"}]
    samples = [Sample("q", "<think>hm</think>4", "<think>hm</think>4"), Sample("q", apart, response_of(apart)), Sample("q", "4", "4")]
    assert [result.score for result in thoughtful.score(samples, [None] * 3)] == [1, 1, 0]
    assert thoughtful.score([Sample("q", "4", "4", {"reasoning": "hm"})], [None])[0].score == 1, "a column of that name wins"


def test_a_row_without_a_column_that_is_asked_for_is_named():
    def needs(response, gold, **columns):
        return 1.0

    async def waits(response, gold):
        return 1.0

    rows = [Sample.from_row({"prompt": "q", "completion": "a", **columns}) for columns in ({"glod": 1}, {}, {"gold": 1})]
    for function in (needs, waits):
        first, second, third = reward_function(function).score(rows, ["a"] * 3)
        assert first.error == f"{function.__name__}() needs the column 'gold' of the row, and it has glod"
        assert second.error == f"{function.__name__}() needs the column 'gold' of the row, and it has no columns beside prompt and completion"
        assert third.score == 1.0


def test_messages_that_are_taken_for_objects_are_said_to_be_dicts():
    def first(messages, **columns):
        return float(messages[0].role == "user")

    def other(messages, **columns):
        return messages[0].rloe

    sample = Sample.from_row({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
    errors = [reward_function(function).score([sample], ["a"])[0].error for function in (first, other)]
    assert "has no attribute 'role' (tests/test_functions.py:" in errors[0] and errors[0].endswith("write messages: list[Message] for Messages")
    assert "write messages" not in errors[1]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_an_array_of_several_numbers_is_no_score_and_the_mode_for_batches_is_named(library):
    module = pytest.importorskip(library)
    array = module.array if library == "numpy" else module.tensor
    found = Reward("r", reward_function(lambda response: array([1.0, 2.0]))).score.score([Sample.from_row({"prompt": "?", "completion": "x"})], ["x"])
    assert found[0].failed and "a number, a bool or None; got" in found[0].error and '@reward_function(mode="batch")' in found[0].error
    assert (
        Reward("r", reward_function(lambda response: array(0.5))).score.score([Sample.from_row({"prompt": "?", "completion": "x"})], ["x"])[0].score
        == 0.5
    )
